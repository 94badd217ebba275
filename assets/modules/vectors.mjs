// What are the values on the map? Byte vectors as the server sent them, kept right by pushes. Pure: no fetch, no map.
//
// `query` says what a vector was asked by: null for now, a past moment ("month=2016-05"), which never changes, or a lens
// ("horizon=30", see query.mjs), which pushes do not carry: a push that touches its product only makes it old.

/** The byte that says "no data" in an area vector and "no probability" in a facility vector. */
export const NONE = 255;
const AREA_ROWS = 3;
const LENS = /^(horizon|preset)=/;

/** Updates kept for vectors that arrive older than the stream; beyond it the vector is asked for again. */
const REMEMBERED = 500;

export function createVectors(registry, seq) {
  const areas = new Map();
  const parts = new Map();
  const recent = [];
  /** The number of the last push about a product; seat 0 is all of them. */
  const touched = new Map();
  let covered = seq;
  let applied = seq;

  const key = (...names) => names.join("|");

  /** Whether a push has made what was seen through a lens old. */
  const old = (vector) => LENS.test(vector.query ?? "") && vector.seq < (touched.get(vector.product) ?? 0);
  const fresh = (map, name) => map.has(name) && !old(map.get(name));

  function put(map, name, vector) {
    if (!vector.query) {
      if (vector.seq < covered) return false;
      for (const past of recent) if (past.seq > vector.seq) write(vector, past.update);
      vector.seq = Math.max(vector.seq, applied);
    }
    map.set(name, vector);
    return true;
  }

  return {
    /** Keeps an areas vector; false when it is too old to be brought up to date. */
    putAreas(product, query, vectorSeq, bytes) {
      return put(areas, key(product, query ?? ""), { kind: "areas", product, query, seq: vectorSeq, bytes });
    },

    /** Keeps the vector of one partition `{seat, first, count}`; false when it is too old. */
    putPartition(partition, product, query, vectorSeq, bytes) {
      const vector = { kind: "facilities", product, query, partition, seq: vectorSeq, bytes };
      return put(parts, key(partition.seat, product, query ?? ""), vector);
    },

    /** The push that a vector has to include at least: those after it are remembered, and brought to it. */
    get covered() {
      return covered;
    },

    /** The last push that was applied: what is seen through a lens has to include it. */
    get applied() {
      return applied;
    },

    /** Whether these are here, and not made old by a push. */
    hasAreas: (product, query) => fresh(areas, key(product, query ?? "")),
    hasPartition: (seat, product, query) => fresh(parts, key(seat, product, query ?? "")),

    /** Whether the facilities of a partition can be painted, however old what is known of them. */
    shows: (seat, product, query) => parts.has(key(seat, product, query ?? "")),

    /** `{risk, out, reporting}` of an area in percent, NONE where unknown; null when the vector is not here. */
    area(seat, product, query) {
      const vector = areas.get(key(product, query ?? ""));
      if (!vector || seat >= registry.areas) return null;
      const [risk, out, reporting] = [0, 1, 2].map((row) => vector.bytes[row * registry.areas + seat]);
      return { risk, out, reporting };
    },

    /** `{state, decile}` of a facility; null when its partition's vector is not here. */
    facility(ordinal, partition, product, query) {
      const vector = parts.get(key(partition.seat, product, query ?? ""));
      if (!vector) return null;
      const place = ordinal - partition.first;
      return { state: vector.bytes[place], decile: vector.bytes[partition.count + place] };
    },

    /** One `map:update`, in sequence: every vector that is older takes it, and what is seen through a lens is old. */
    apply(number, update) {
      applied = number;
      for (const [, product] of [...(update.areas ?? []), ...(update.facilities ?? [])]) {
        touched.set(product, number);
        touched.set(0, number);
      }
      recent.push({ seq: number, update });
      if (recent.length > REMEMBERED) covered = recent.shift().seq;
      for (const vector of [...areas.values(), ...parts.values()]) {
        if (vector.query || vector.seq >= number) continue;
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
        for (const [name, { query }] of map) if (!query || LENS.test(query)) map.delete(name);
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
