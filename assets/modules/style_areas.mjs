// How do areas look? A fill by class, a hatch where there is no data, borders, and the outline of what is chosen. Pure.

import { areaColours } from "./classes.mjs";
import { between, byLevel, CLASS, match, NOTHING } from "./expressions.mjs";

const AREA = { source: "areas", "source-layer": "areas" };

/** `single`: there is only one level of areas, which is then drawn at every zoom. */
export function areaLayers({ theme, ground, split, near, single }) {
  const fills = (id, level, zooms) => fillLayers({ id, level, zooms, theme, ground, near });
  const line = (id, filter, paint, zooms = {}) => ({
    id,
    ...AREA,
    ...zooms,
    type: "line",
    filter,
    layout: { "line-join": "round" },
    paint,
  });
  const inner = { "line-color": ground.border, "line-width": between(split, 0.4, 10, 1.2) };
  const outer = { "line-color": single ? ground.border : ground.edge, "line-opacity": 0.85 };
  return [
    ...(single
      ? fills("near", 1, {})
      : [...fills("near", 2, { minzoom: split }), ...fills("far", 1, { maxzoom: split })]),
    ...(single ? [] : [line("near-border", byLevel(2), inner, { minzoom: split })]),
    line("far-border", byLevel(1), { ...outer, "line-width": between(4, 0.5, 9, 1.8) }),
    line("nation-border", byLevel(0), { "line-color": ground.edge, "line-width": between(4, 1, 9, 2) }),
    line("hovered", NOTHING, { "line-color": ground.text, "line-width": 1.6 }),
    line("selected-halo", NOTHING, { "line-color": ground.halo, "line-width": 5, "line-opacity": 0.9 }),
    line("selected", NOTHING, { "line-color": ground.accent, "line-width": 2.5 }),
  ];
}

function fillLayers({ id, level, zooms, theme, ground, near }) {
  const fill = (part, paint) => ({
    id: `${id}-${part}`,
    ...AREA,
    ...zooms,
    type: "fill",
    filter: byLevel(level),
    paint,
  });
  const unknown = ["<", CLASS, 0];
  const shown = (opacity) => ["case", unknown, 0, opacity];
  return [
    fill("ground", { "fill-color": ground.land }),
    // "No report" has its own look: a pattern cannot follow feature-state, but its opacity can.
    fill("nodata", { "fill-pattern": `hatch-${theme}`, "fill-opacity": ["case", unknown, 1, 0] }),
    fill("fill", {
      "fill-color": match(areaColours(theme), ground.land),
      "fill-opacity": between(near - 0.3, shown(1), near + 0.6, shown(0.3)),
    }),
  ];
}
