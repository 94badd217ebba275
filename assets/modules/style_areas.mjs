// How do areas look? A fill by class, a hatch where there is no data, borders, and the outline of what is chosen. Pure.

import { areaColours } from "./classes.mjs";
import { between, byLevel, CLASS, match, mix, NOTHING } from "./expressions.mjs";

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
  const colours = (strength) =>
    match(
      areaColours(theme).map(([place, colour]) => [place, mix(ground.land, colour, strength)]),
      ground.land,
    );
  return [
    // Where facilities appear the colour fades into the land. It is mixed here, not laid over the land: one layer less
    // that fills the window.
    fill("fill", { "fill-color": between(near - 0.3, colours(1), near + 0.6, colours(0.3)) }),
    // "No report" has its own look: a pattern cannot follow feature-state, but its opacity can.
    fill("nodata", { "fill-pattern": `hatch-${theme}`, "fill-opacity": ["case", ["<", CLASS, 0], 1, 0] }),
  ];
}
