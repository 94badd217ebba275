// What has just changed? A ring at its place, once, for a second and a half.

import { element, still } from "./dom.mjs";

/** Rings on screen at once; more would be noise. */
const MOST = 24;

export function createPulses(map, maplibre, { level }) {
  const shown = new Set();

  function ring(name, place, className) {
    if (shown.has(name) || shown.size >= MOST) return;
    shown.add(name);
    const mark = element("div", `pulse ${className}`);
    const marker = new maplibre.Marker({ element: mark }).setLngLat(place).addTo(map);
    setTimeout(() => {
      marker.remove();
      shown.delete(name);
    }, 1500);
  }

  function places(source, sourceLayer, ids) {
    const filter = ["in", ["id"], ["literal", ids]];
    return map.querySourceFeatures(source, { sourceLayer, filter });
  }

  return {
    /** Shows where an update of the product on screen took place. */
    show(update, product) {
      if (still() || document.hidden) return;
      const of = (list) => (list ?? []).filter((entry) => entry[1] === product).map(([id]) => id);
      const facilities = map.getLayer("facility")?.minzoom <= map.getZoom() ? of(update.facilities) : [];
      if (facilities.length > 0) {
        for (const { id, geometry } of places("facilities", "facilities", facilities))
          ring(`f${id}`, geometry.coordinates, "");
        return;
      }
      const areas = of(update.areas);
      if (areas.length === 0) return;
      for (const { id, geometry, properties } of places("areas", "area_points", areas)) {
        if (properties.level === level(map.getZoom())) ring(`a${id}`, geometry.coordinates, "pulse-area");
      }
    },
  };
}
