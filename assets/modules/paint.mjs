// How do values get onto the map? As feature-state, a whole switch or a push in the next frame.

import { areaClass, facilityClass } from "./classes.mjs";

const AREAS = { source: "areas", sourceLayer: "areas" };
const FACILITIES = { source: "facilities", sourceLayer: "facilities" };

export function createPaint(map, registry, vectors) {
  /** What is on the map: nothing until its values are here, so that no push is shown as part of what could not be read. */
  let now = null;
  const painted = new Set();
  let count = 0;

  const classOf = {
    areas: (seat) => (now ? areaClass(vectors.area(seat, now.product, now.query), now.colour) : null),
    facilities(ordinal) {
      if (!now) return null;
      const partition = registry.partitionOf(ordinal);
      return facilityClass(partition && vectors.facility(ordinal, partition, now.product, now.query), now.colour);
    },
  };

  /** Sets a class where it is another one; whether it was. The map itself draws once a frame, however many are set. */
  function set(feature, k) {
    if (map.getFeatureState(feature)?.k === k) return false;
    map.setFeatureState(feature, { k });
    return true;
  }

  const setArea = (seat) => set({ ...AREAS, id: seat }, classOf.areas(seat));
  const setFacility = (ordinal) => set({ ...FACILITIES, id: ordinal }, classOf.facilities(ordinal));

  /** Paints what a push has changed. Resolves when it is drawn, or at once where nothing on screen has another class. */
  async function touch(update) {
    if (!now || now.query) return;
    let changed = false;
    for (const [seat, product] of update.areas ?? []) if (product === now.product) changed = setArea(seat) || changed;
    for (const [ordinal, product] of update.facilities ?? []) {
      const here = product === now.product && painted.has(registry.partitionOf(ordinal)?.seat);
      changed = (here && setFacility(ordinal)) || changed;
    }
    if (changed) await map.once("render");
    count += 1;
  }

  return {
    classOf,
    touch,
    get count() {
      return count;
    },

    /**
     * Repaints everything. States of facilities are thrown away first: MapLibre keeps them through tile reloads, and one
     * that the new vectors do not cover must be drawn as unknown, not as it was for another vaccine. Resolves when the
     * frame is drawn.
     */
    all(next, partitions) {
      now = next;
      for (let seat = 0; seat < registry.areas; seat++) setArea(seat);
      map.removeFeatureState(FACILITIES);
      painted.clear();
      this.some(partitions);
      map.triggerRepaint();
      return map.once("render").then(() => (count += 1));
    },

    /** Paints the facilities of those partitions whose vectors are here and which are not painted yet. */
    some(partitions) {
      if (!now) return;
      for (const { seat, first, count: size } of partitions) {
        if (painted.has(seat) || !vectors.shows(seat, now.product, now.query)) continue;
        painted.add(seat);
        for (let ordinal = first; ordinal < first + size; ordinal++) setFacility(ordinal);
      }
    },
  };
}
