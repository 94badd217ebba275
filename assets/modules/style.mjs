// How does the map look? MapLibre's style, built from the classes; nothing comes from outside. Pure: values in, JSON out.

import { byLevel, GROUND } from "./expressions.mjs";
import { areaLayers } from "./style_areas.mjs";
import { facilityLayers, facilityNames } from "./style_facilities.mjs";

/** Letters are drawn from the reader's own fonts: there are no glyph files. The first name only carries the weight. */
export const FONT = { regular: ["regular", "system-ui"], bold: ["semibold", "system-ui"] };

/**
 * The style. `split` is the zoom where the second level takes over from the first, `near` where facilities appear;
 * `deepest` the level of the smallest areas; `tiles(layer)` the address of a tile layer.
 */
export function build({ theme, tiles, bounds, split, near, deepest }) {
  const ground = GROUND[theme];
  return {
    version: 8,
    sources: {
      areas: { type: "vector", tiles: [tiles("areas")], minzoom: 0, maxzoom: 10, bounds },
      facilities: { type: "vector", tiles: [tiles("facilities")], minzoom: 6, maxzoom: 12, bounds },
    },
    transition: { duration: 0, delay: 0 },
    layers: [
      ...areaLayers({ theme, ground, split, near, single: deepest === 1 }),
      ...facilityLayers({ theme, ground, near }),
      ...facilityNames(text(ground), FONT.regular),
      ...areaNames(ground, split, deepest === 1),
    ],
  };
}

function areaNames(ground, split, single) {
  const names = (id, level, zooms, size) => ({
    id,
    source: "areas",
    "source-layer": "area_points",
    type: "symbol",
    ...zooms,
    filter: byLevel(level),
    layout: {
      "text-field": ["get", "name"],
      "text-font": FONT.bold,
      "text-size": size,
      "text-max-width": 7,
      "text-padding": 3,
      "text-variable-anchor": ["center", "top", "bottom"],
    },
    paint: text(ground),
  });
  const size = (z1, s1, z2, s2) => ["interpolate", ["linear"], ["zoom"], z1, s1, z2, s2];
  const first = names("far-name", 1, single ? {} : { maxzoom: split + 1 }, size(4, 10.5, 8, 15));
  return single ? [first] : [names("near-name", 2, { minzoom: split + 0.8 }, size(split + 0.8, 11, 11, 14)), first];
}

function text(ground) {
  return { "text-color": ground.text, "text-halo-color": ground.halo, "text-halo-width": 1.4, "text-opacity": 0.94 };
}
