// How do facilities look? A circle by class, the worst on top, and from near a mark inside for each state. Pure.

import { CRITICAL, DECILES, facilityColours, LOW, NO_REPORT, OVERSTOCK, STATES, STOCKOUT } from "./classes.mjs";
import { between, CLASS, growing, match, NOTHING } from "./expressions.mjs";

/** The states that lie on top of the others: they have a layer of their own. */
const WORST = [STOCKOUT, CRITICAL];

/** From this zoom on a circle is large enough for a mark inside. */
const MARK_ZOOM = 9;

export function facilityLayers({ theme, ground, near }) {
  const base = { source: "facilities", "source-layer": "facilities", minzoom: near };
  const worst = ["in", CLASS, ["literal", WORST]];
  return [
    circles("facility", base, { theme, ground, shown: ["!", worst] }),
    circles("facility-worst", base, { theme, ground, shown: worst }),
    ...[STOCKOUT, CRITICAL, LOW, OVERSTOCK].map((state) => mark(state, base)),
    {
      id: "facility-selected",
      ...base,
      type: "circle",
      filter: NOTHING,
      paint: {
        "circle-radius": growing([6, 7], [10, 12], [13, 18]),
        "circle-opacity": 0,
        "circle-stroke-color": ground.accent,
        "circle-stroke-width": 3,
      },
    },
  ];
}

/** Names from near, which keep off the circles of the neighbours: an invisible picture on each of them takes its room first. */
export function facilityNames(paint, font) {
  const base = { source: "facilities", "source-layer": "facilities", type: "symbol", minzoom: 11 };
  return [
    {
      id: "facility-name",
      ...base,
      layout: {
        "text-field": ["get", "name"],
        "text-font": font,
        "text-size": 12,
        "text-variable-anchor": ["top", "bottom", "right", "left"],
        "text-radial-offset": 1.1,
        "text-max-width": 9,
      },
      paint,
    },
    { id: "facility-room", ...base, layout: { "icon-image": "room", "icon-allow-overlap": true } },
  ];
}

function circles(id, base, { theme, ground, shown }) {
  const sizes = [
    [STOCKOUT, 1.35],
    [CRITICAL, 1.2],
    [LOW, 1.05],
    [OVERSTOCK, 1.05],
    [NO_REPORT, 0.85],
    ...Array.from({ length: 10 }, (_, decile) => [DECILES + decile, 0.75 + 0.06 * decile]),
    [-1, 0.7],
  ];
  const radius = (pixels) => ["*", pixels, match(sizes, 0.9)];
  const rims = [
    [NO_REPORT, STATES[NO_REPORT].dark],
    [STOCKOUT, ground.rim],
    [CRITICAL, ground.rim],
  ];
  return {
    id,
    ...base,
    type: "circle",
    paint: {
      "circle-color": match(facilityColours(theme), ground.unknown),
      "circle-radius": growing([6, radius(1.8)], [8, radius(3.4)], [10, radius(6)], [13, radius(10)]),
      // "No report" is a hollow ring: neither stock nor a stockout.
      "circle-opacity": ["case", shown, match([[NO_REPORT, 0.25]], 0.95), 0],
      "circle-stroke-opacity": ["case", shown, 1, 0],
      "circle-stroke-width": between(7, 0.6, 10, 1.4),
      "circle-stroke-color": match(rims, ground.gap),
    },
  };
}

function mark(state, base) {
  return {
    id: `mark-${STATES[state].mark}`,
    ...base,
    minzoom: Math.max(MARK_ZOOM, base.minzoom),
    type: "symbol",
    layout: {
      "icon-image": `mark-${STATES[state].mark}`,
      "icon-allow-overlap": true,
      "icon-ignore-placement": true,
      "icon-size": growing([MARK_ZOOM, 0.5], [13, 1]),
    },
    paint: { "icon-opacity": ["case", ["==", CLASS, state], 1, 0] },
  };
}
