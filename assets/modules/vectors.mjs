// What are the values on the map? Byte vectors as the server sent them, kept right by pushes. Pure: no fetch, no map.

/** The byte that says "no data" in an area vector and "no probability" in a facility vector. */
export const NONE = 255;
const AREA_ROWS = 3;

/** Updates kept for vectors that arrive older than the stream; beyond it the vector is asked for again. */
const REMEMBERED = 500;

export function createVectors(registry, seq) {
  const areas = new Map();
  const parts = new Map();
  const recent = [];
  let covered = seq;
  let applied = seq;

  const key = (...names) => names.join("|");

  function put(map, name, vector, month) {
    if (!month) {
      if (vector.seq < covered) return false;
      for (const past of recent) if (past.seq > vector.seq) write(vector, past.update);
      vector.seq = Math.max(vector.seq, applied);
    }
    map.set(name, vector);
    return true;
  }

  return {
    /** Keeps an areas vector; false when it is too old to be brought up to date. */
    putAreas(product, month, vectorSeq, bytes) {
      return put(areas, key(product, month ?? ""), { kind: "areas", product, seq: vectorSeq, bytes }, month);
    },

    /** Keeps the vector of one partition `{seat, first, count}`; false when it is too old. */
    putPartition(partition, product, month, vectorSeq, bytes) {
      const vector = { kind: "facilities", product, partition, seq: vectorSeq, bytes };
      return put(parts, key(partition.seat, product, month ?? ""), vector, month);
    },

    /** The push that a vector has to include at least: those after it are remembered, and brought to it. */
    get covered() {
      return covered;
    },

    hasAreas: (product, month) => areas.has(key(product, month ?? "")),
    hasPartition: (seat, product, month) => parts.has(key(seat, product, month ?? "")),

    /** `{risk, out, reporting}` of an area in percent, NONE where unknown; null when the vector is not here. */
    area(seat, product, month) {
      const vector = areas.get(key(product, month ?? ""));
      if (!vector || seat >= registry.areas) return null;
      const [risk, out, reporting] = [0, 1, 2].map((row) => vector.bytes[row * registry.areas + seat]);
      return { risk, out, reporting };
    },

    /** `{state, decile}` of a facility; null when its partition's vector is not here. */
    facility(ordinal, partition, product, month) {
      const vector = parts.get(key(partition.seat, product, month ?? ""));
      if (!vector) return null;
      const place = ordinal - partition.first;
      return { state: vector.bytes[place], decile: vector.bytes[partition.count + place] };
    },

    /** One `map:update`, in sequence: every vector that is older takes it. */
    apply(number, update) {
      applied = number;
      recent.push({ seq: number, update });
      if (recent.length > REMEMBERED) covered = recent.shift().seq;
      for (const [name, vector] of [...areas, ...parts]) {
        if (!name.endsWith("|") || vector.seq >= number) continue;
        write(vector, update);
        vector.seq = number;
      }
    },

    /** The stream went on to this number with something that is no map update. */
    advance(number) {
      applied = number;
    },

    /** Forgets every vector of now: the past cannot be told in steps from here on. */
    forget(number) {
      for (const map of [areas, parts]) {
        for (const name of map.keys()) if (name.endsWith("|")) map.delete(name);
      }
      recent.length = 0;
      covered = applied = number;
    },
  };

  function write(vector, update) {
    if (vector.kind === "areas") {
      for (const [seat, product, ...values] of update.areas ?? []) {
        if (product !== vector.product || seat >= registry.areas) continue;
        for (let row = 0; row < AREA_ROWS; row++) vector.bytes[row * registry.areas + seat] = values[row] ?? NONE;
      }
      return;
    }
    const { first, count } = vector.partition;
    for (const [ordinal, product, state, decile] of update.facilities ?? []) {
      const place = ordinal - first;
      if (product !== vector.product || place < 0 || place >= count) continue;
      vector.bytes[place] = state;
      vector.bytes[count + place] = decile ?? NONE;
    }
  }
}
