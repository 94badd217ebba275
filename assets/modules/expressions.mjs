// How does a style read what the map was told? MapLibre expressions that several layers share. Pure.

/** The class that feature-state carries for a feature; -1 where it carries none. */
export const CLASS = ["coalesce", ["feature-state", "k"], -1];

/** A filter that lets nothing through, until a code is put into it. */
export const NOTHING = ["==", ["get", "code"], ""];

export const byLevel = (level) => ["==", ["get", "level"], level];

/** A value per class, `pairs` as `[[class, value], …]`. */
export const match = (pairs, otherwise) => ["match", CLASS, ...pairs.flat(), otherwise];

/** The colour that `strength` (0 to 1) of one leaves over another, both "#RRGGBB". */
export function mix(below, above, strength) {
  const parts = (colour) => [1, 3, 5].map((at) => Number.parseInt(colour.slice(at, at + 2), 16));
  const under = parts(below);
  const mixed = parts(above).map((part, place) => Math.round(under[place] + (part - under[place]) * strength));
  return `rgb(${mixed.join(",")})`;
}

/** A value that grows or fades between two zooms. */
export const between = (z1, v1, z2, v2) => ["interpolate", ["linear"], ["zoom"], z1, v1, z2, v2];

/** A size that keeps up with the map, at four zooms. */
export const growing = (...stops) => ["interpolate", ["exponential", 1.4], ["zoom"], ...stops.flat()];

/** Colours of everything that carries no value; the sea is what shines through, the ground of the page. */
export const GROUND = {
  light: {
    land: "#F4F3EF",
    border: "#FFFFFF",
    edge: "#8A929B",
    text: "#22282E",
    halo: "#FFFFFF",
    accent: "#0B6E6E",
    rim: "#FFFFFF",
    gap: "#FFFFFF",
    unknown: "#B4BAC1",
  },
  dark: {
    land: "#14181D",
    border: "#0C0F12",
    edge: "#66707A",
    text: "#E6E9EC",
    halo: "#0C0F12",
    accent: "#6BD0CB",
    rim: "#E6E9EC",
    gap: "#14181D",
    unknown: "#4A525B",
  },
};
