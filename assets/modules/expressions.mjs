// How does a style read what the map was told? MapLibre expressions that several layers share. Pure.

/** The class that feature-state carries for a feature; -1 where it carries none. */
export const CLASS = ["coalesce", ["feature-state", "k"], -1];

/** A filter that lets nothing through, until a code is put into it. */
export const NOTHING = ["==", ["get", "code"], ""];

export const byLevel = (level) => ["==", ["get", "level"], level];

/** A value per class, `pairs` as `[[class, value], …]`. */
export const match = (pairs, otherwise) => ["match", CLASS, ...pairs.flat(), otherwise];

/** A value that grows or fades between two zooms. */
export const between = (z1, v1, z2, v2) => ["interpolate", ["linear"], ["zoom"], z1, v1, z2, v2];

/** A size that keeps up with the map, at four zooms. */
export const growing = (...stops) => ["interpolate", ["exponential", 1.4], ["zoom"], ...stops.flat()];

/** Colours of everything that carries no value. */
export const GROUND = {
  light: {
    sea: "#E4E8EA",
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
    sea: "#0C0F12",
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
