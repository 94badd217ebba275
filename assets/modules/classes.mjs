// Which class does a value fall into, and how does the class look? Pure. Colours are those of the style guide; every
// class also has a word and, for the states, a mark, so that colour is never the only sign.

export const STATES = [
  { name: "no-report", word: "No report", light: "#C9CCD1", dark: "#5B636D", mark: "ring" },
  { name: "inactive", word: "Inactive", light: "#ECECEC", dark: "#3A4149", mark: "ring" },
  { name: "stockout", word: "Out of stock", light: "#7F0D1F", dark: "#7F0D1F", mark: "cross" },
  { name: "critical", word: "Critical", light: "#D7301F", dark: "#D7301F", mark: "bang" },
  { name: "low", word: "Low", light: "#FC8D59", dark: "#FC8D59", mark: "down" },
  { name: "overstock", word: "Overstock", light: "#4575B4", dark: "#4575B4", mark: "up" },
  { name: "adequate", word: "Adequate", light: "#A6D5B8", dark: "#3E7C5E", mark: "dot" },
];
export const [NO_REPORT, INACTIVE, STOCKOUT, CRITICAL, LOW, OVERSTOCK, ADEQUATE] = STATES.keys();

/** Order of the legend: what is worst first. */
export const LEGEND_ORDER = [STOCKOUT, CRITICAL, LOW, ADEQUATE, OVERSTOCK, INACTIVE, NO_REPORT];

// On dark land the worst must be the brightest, or it would sink into the ground: the dark ramp keeps the hues and
// turns the lightness round. Both are monotonic in grey.
export const RISK_RAMP = {
  light: ["#FFF7DC", "#FEEBC0", "#FDDCA0", "#FDC788", "#FDAE6D", "#FA8C55", "#EE6A45", "#D94231", "#B51F1B", "#7F0000"],
  dark: ["#2E2A20", "#453520", "#5F4022", "#7A4824", "#974D26", "#B3522B", "#CC5833", "#E26140", "#F27152", "#FF8A70"],
};
export const REPORTING_RAMP = {
  light: ["#F3F5EF", "#E1ECE7", "#CCE2DE", "#B2D5D2", "#95C6C4", "#76B4B3", "#55A1A1", "#358C8C", "#1A7777", "#075E5E"],
  dark: ["#1E2629", "#213135", "#233D42", "#264A4F", "#29585D", "#2D686C", "#33797D", "#3D8C8E", "#4EA1A1", "#68B8B5"],
};

/** Lower bounds in percent of the ten classes of a share at risk: finer where most areas lie. */
export const SHARE_BREAKS = [0, 5, 10, 15, 20, 30, 40, 50, 60, 75];

/** Base of the class numbers that feature-state carries: states are 0..6. */
export const DECILES = 10;
export const REPORTED = 20;
const REPORTING_CLASSES = 10;

/** The class of an area, for feature-state: -1 no data, 0..9 the risk ramp, 10..19 the reporting ramp. */
export function areaClass(values, colour) {
  if (!values) return -1;
  const share = colour === "reporting" ? values.reporting : colour === "state" ? values.out : values.risk;
  if (!(share <= 100)) return -1;
  if (colour === "reporting") return REPORTING_CLASSES + Math.min(9, Math.floor(share / 10));
  return SHARE_BREAKS.findLastIndex((low) => share >= low);
}

/** The class of a facility: -1 not known yet, 0..6 its state, 10..19 its decile, 20 "has reported". */
export function facilityClass(values, colour) {
  if (!values || values.state > ADEQUATE) return -1;
  if (colour === "probability")
    return values.decile <= 9 ? DECILES + values.decile : values.state === NO_REPORT ? NO_REPORT : INACTIVE;
  if (colour === "reporting") return values.state === NO_REPORT ? NO_REPORT : REPORTED;
  return values.state;
}

/** Each class of an area with its colour, `[[0, "#…"], …]`. */
export function areaColours(theme) {
  return [...RISK_RAMP[theme], ...REPORTING_RAMP[theme]].map((colour, place) => [place, colour]);
}

/** Each class of a facility with its colour. */
export function facilityColours(theme) {
  const states = STATES.map((state, place) => [place, state[theme]]);
  const deciles = RISK_RAMP[theme].map((colour, place) => [DECILES + place, colour]);
  return [...states, ...deciles, [REPORTED, REPORTING_RAMP[theme][7]]];
}
