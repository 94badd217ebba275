// How does the map look? MapLibre's style, built from the classes; nothing comes from outside. Pure: values in, JSON out.

import { areaColours, CRITICAL, facilityColours, LOW, NO_REPORT, OVERSTOCK, STATES, STOCKOUT } from "./classes.mjs";

/** Where the worst states get their own layer, so that they lie on top of the others. */
const WORST = [STOCKOUT, CRITICAL];

/** From this zoom on a facility is large enough for a mark inside. */
const MARK_ZOOM = 9;

const GROUND = {
  light: {
    sea: "#E4E8EA",
    land: "#F4F3EF",
    border: "#FFFFFF",
    edge: "#8A929B",
    text: "#22282E",
    halo: "#FFFFFF",
    accent: "#0B6E6E",
    rim: "#FFFFFF",
    unknown: "#B4BAC1",
  },
  dark: {
    sea: "#0C0F12",
    land: "#14181D",
    border: "#0C0F12",
    edge: "#66707A",
    text: "#E6E9EC",
    halo: "#0C0F12",
    accent: "#6BD0CB",
    rim: "#E6E9EC",
    unknown: "#4A525B",
  },
};

const CLASS = ["coalesce", ["feature-state", "k"], -1];
const byLevel = (level) => ["==", ["get", "level"], level];
const none = ["==", ["get", "code"], ""];

/**
 * The style. `split` is the zoom where the second level takes over from the first, `near` where facilities appear;
 * `deepest` the level of the smallest areas; `tiles(layer)` the address of a tile layer.
 */
export function build({ theme, tiles, bounds, split, near, deepest }) {
  return {
    version: 8,
    sources: {
      areas: { type: "vector", tiles: [tiles("areas")], minzoom: 0, maxzoom: 10, bounds },
      facilities: { type: "vector", tiles: [tiles("facilities")], minzoom: 6, maxzoom: 12, bounds },
    },
    transition: { duration: 0, delay: 0 },
    layers: [
      { id: "sea", type: "background", paint: { "background-color": GROUND[theme].sea } },
      ...areaLayers(theme, split, near, deepest),
      ...facilityLayers(theme, near),
      ...labelLayers(theme, split, near, deepest),
    ],
  };
}

function areaLayers(theme, split, near, deepest) {
  const ground = GROUND[theme];
  const fade = ["interpolate", ["linear"], ["zoom"], near - 0.3, visible(0.92), near + 0.9, visible(0.3)];
  const fill = (id, level, zooms) => [
    {
      id: `${id}-ground`,
      ...area,
      ...zooms,
      type: "fill",
      filter: byLevel(level),
      paint: { "fill-color": ground.land },
    },
    {
      id: `${id}-nodata`,
      ...area,
      ...zooms,
      type: "fill",
      filter: byLevel(level),
      paint: { "fill-pattern": `hatch-${theme}` },
    },
    {
      id: `${id}-fill`,
      ...area,
      ...zooms,
      type: "fill",
      filter: byLevel(level),
      paint: { "fill-color": match(areaColours(theme), ground.land), "fill-opacity": fade },
    },
  ];
  const area = { source: "areas", "source-layer": "areas" };
  const line = (id, filter, paint, zooms = {}) => ({
    id,
    ...area,
    ...zooms,
    type: "line",
    filter,
    layout: { "line-join": "round" },
    paint,
  });
  const single = deepest === 1;
  return [
    ...fill("near", single ? 1 : 2, single ? {} : { minzoom: split }),
    ...(single ? [] : fill("far", 1, { maxzoom: split })),
    ...(single
      ? []
      : [
          line(
            "near-border",
            byLevel(2),
            { "line-color": ground.border, "line-width": width(split, 0.4, 10, 1.2) },
            { minzoom: split },
          ),
        ]),
    line("far-border", byLevel(1), {
      "line-color": single ? ground.border : ground.edge,
      "line-width": width(4, 0.5, 9, 1.8),
      "line-opacity": 0.85,
    }),
    line("nation-border", byLevel(0), { "line-color": ground.edge, "line-width": width(4, 1, 9, 2) }),
    line("hovered", none, { "line-color": ground.text, "line-width": 1.6 }),
    line("selected-halo", none, { "line-color": ground.halo, "line-width": 5, "line-opacity": 0.9 }),
    line("selected", none, { "line-color": ground.accent, "line-width": 2.5 }),
  ];
}

function facilityLayers(theme, near) {
  const ground = GROUND[theme];
  const base = { source: "facilities", "source-layer": "facilities", minzoom: near };
  const worst = ["in", CLASS, ["literal", WORST]];
  const size = [
    "match",
    CLASS,
    STOCKOUT,
    1.35,
    CRITICAL,
    1.2,
    LOW,
    1.05,
    OVERSTOCK,
    1.05,
    NO_REPORT,
    0.85,
    ...decileSizes(),
    -1,
    0.7,
    0.9,
  ];
  const circles = (id, shown) => ({
    id,
    ...base,
    type: "circle",
    paint: {
      "circle-color": match(facilityColours(theme), ground.unknown),
      "circle-radius": [
        "interpolate",
        ["exponential", 1.4],
        ["zoom"],
        6,
        times(1.8, size),
        8,
        times(3, size),
        10,
        times(5.5, size),
        13,
        times(10, size),
      ],
      // "No report" is a hollow ring: neither stock nor a stockout.
      "circle-opacity": ["case", shown, ["match", CLASS, NO_REPORT, 0.25, 0.95], 0],
      "circle-stroke-opacity": ["case", shown, 1, 0],
      "circle-stroke-width": ["interpolate", ["linear"], ["zoom"], 7, 0.5, 10, 1.4],
      "circle-stroke-color": [
        "match",
        CLASS,
        NO_REPORT,
        STATES[NO_REPORT].dark,
        STOCKOUT,
        ground.rim,
        CRITICAL,
        ground.rim,
        theme === "light" ? "#FFFFFF" : "#14181D",
      ],
    },
  });
  const mark = (state) => ({
    id: `mark-${STATES[state].mark}`,
    ...base,
    minzoom: MARK_ZOOM,
    type: "symbol",
    layout: {
      "icon-image": `mark-${STATES[state].mark}`,
      "icon-allow-overlap": true,
      "icon-ignore-placement": true,
      "icon-size": ["interpolate", ["exponential", 1.4], ["zoom"], MARK_ZOOM, 0.5, 13, 1],
    },
    paint: { "icon-opacity": ["case", ["==", CLASS, state], 1, 0] },
  });
  return [
    circles("facility", ["!", worst]),
    circles("facility-worst", worst),
    ...[STOCKOUT, CRITICAL, LOW, OVERSTOCK].map(mark),
    {
      id: "facility-selected",
      ...base,
      type: "circle",
      filter: none,
      paint: {
        "circle-radius": ["interpolate", ["exponential", 1.4], ["zoom"], 6, 7, 10, 12, 13, 18],
        "circle-opacity": 0,
        "circle-stroke-color": ground.accent,
        "circle-stroke-width": 3,
      },
    },
  ];
}

function labelLayers(theme, split, near, deepest) {
  const ground = GROUND[theme];
  const label = (id, level, zooms, size, weight) => ({
    id,
    source: "areas",
    "source-layer": "area_points",
    type: "symbol",
    ...zooms,
    filter: byLevel(level),
    layout: {
      "text-field": ["get", "name"],
      "text-font": [weight, "system-ui"],
      "text-size": size,
      "text-max-width": 7,
      "text-padding": 4,
    },
    paint: { "text-color": ground.text, "text-halo-color": ground.halo, "text-halo-width": 1.4, "text-opacity": 0.92 },
  });
  const names = {
    id: "facility-name",
    source: "facilities",
    "source-layer": "facilities",
    type: "symbol",
    minzoom: 11,
    layout: {
      "text-field": ["get", "name"],
      "text-font": ["regular", "system-ui"],
      "text-size": 12,
      "text-anchor": "top",
      "text-offset": [0, 0.9],
      "text-max-width": 9,
      "text-optional": true,
    },
    paint: { "text-color": ground.text, "text-halo-color": ground.halo, "text-halo-width": 1.4 },
  };
  const first = label(
    "far-name",
    1,
    deepest === 1 ? {} : { maxzoom: split + 1 },
    ["interpolate", ["linear"], ["zoom"], 4, 10.5, 8, 15],
    "semibold",
  );
  const second = label(
    "near-name",
    2,
    { minzoom: split + 0.8 },
    ["interpolate", ["linear"], ["zoom"], split + 0.8, 11, 11, 14],
    "semibold",
  );
  return deepest === 1 ? [first, names] : [names, second, first];
}

const match = (pairs, otherwise) => ["match", CLASS, ...pairs.flat(), otherwise];
const times = (factor, expression) => ["*", factor, expression];
const visible = (opacity) => ["case", ["<", CLASS, 0], 0, opacity];
const width = (z1, w1, z2, w2) => ["interpolate", ["linear"], ["zoom"], z1, w1, z2, w2];
const decileSizes = () => Array.from({ length: 10 }, (_, decile) => [10 + decile, 0.75 + 0.06 * decile]).flat();
