// Which view does an address stand for? Pure: text in, values out.

export const COLOURS = ["risk", "state", "probability", "reporting"];
/** Days within which a stockout may be asked for; without one it is "before the next delivery". */
export const HORIZONS = ["7", "14", "30", "60", "90"];
const NAMES = ["area", "facility", "vaccine", "month", "as_of", "sense", "horizon", "preset"];
const PRESET = /^[\w .-]{1,40}$/;
const MONTH = /^\d{4}-(0[1-9]|1[0-2])$/;
const DAY = /^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])$/;

/** The view in a query string; what is absent or malformed is null (colour: "risk"). */
export function parse(search) {
  const query = new URLSearchParams(search);
  const view = Object.fromEntries(NAMES.map((name) => [name, query.get(name) || null]));
  if (!DAY.test(view.as_of ?? "")) view.as_of = null;
  if (view.as_of || !MONTH.test(view.month ?? "")) view.month = null;
  // What was true needs no word; what was known does.
  if (!view.as_of || view.sense !== "recorded") view.sense = null;
  if (!HORIZONS.includes(view.horizon)) view.horizon = null;
  if (!PRESET.test(view.preset ?? "")) view.preset = null;
  const colour = query.get("colour");
  view.colour = COLOURS.includes(colour) ? colour : "risk";
  view.at = parseAt(query.get("at"));
  return view;
}

/** The query string of a view, "?area=…" or "" for the nation as it is now. */
export function format(view) {
  const query = new URLSearchParams();
  for (const name of NAMES) if (view[name]) query.set(name, view[name]);
  if (view.colour && view.colour !== "risk") query.set("colour", view.colour);
  const at = view.at ? `at=${formatAt(view.at)}` : "";
  const text = [query.toString(), at].filter(Boolean).join("&");
  return text ? `?${text}` : "";
}

/**
 * The view after following a link's query: only what the link names changes, an empty value removes.
 * Another area drops the facility and the camera, unless the link names them.
 */
export function merge(view, search) {
  const query = new URLSearchParams(search);
  const wanted = parse(search);
  const next = { ...view };
  for (const name of [...NAMES, "colour"]) if (query.has(name)) next[name] = wanted[name];
  if (query.has("month")) next.as_of = null;
  else if (wanted.as_of) next.month = null;
  if (!next.as_of) next.sense = null;
  if (query.has("area") && !query.has("facility")) next.facility = null;
  if (query.has("at")) next.at = wanted.at;
  else if (next.area !== view.area || next.facility !== view.facility) next.at = null;
  return next;
}

/** The past moment that a view shows, as the values ask for it: "month=2016-05", "as_of=2016-05-04&sense=recorded"; null now. */
export function moment({ month, as_of: day, sense }) {
  if (day) return `as_of=${day}&sense=${sense ?? "occurred"}`;
  return month ? `month=${month}` : null;
}

/**
 * Through what the values of now are looked at: "horizon=30" where probabilities are shown, "preset=WHO-EPI" where states
 * are, null where they are as they are kept. What was is not judged anew.
 */
export function lens({ colour, horizon, preset, month, as_of: day }) {
  if (month || day) return null;
  if (colour === "probability" && horizon) return `horizon=${horizon}`;
  return colour === "state" && preset ? `preset=${encodeURIComponent(preset)}` : null;
}

/** How the values on screen are asked for: the past moment, the lens, or null for what is kept of now. */
export const asked = (view) => moment(view) ?? lens(view);

/** Whether two views show the same thing, wherever the camera stands. */
export function same(a, b) {
  return [...NAMES, "colour"].every((name) => (a[name] ?? null) === (b[name] ?? null));
}

function parseAt(text) {
  const parts = (text ?? "").split("/").map((part) => (part.trim() === "" ? NaN : Number(part)));
  if (parts.length !== 3 || parts.some((part) => !Number.isFinite(part))) return null;
  const [zoom, lat, lon] = parts;
  const inside = zoom >= 0 && zoom <= 22 && Math.abs(lat) <= 85 && Math.abs(lon) <= 180;
  return inside ? { zoom, lat, lon } : null;
}

function formatAt({ zoom, lat, lon }) {
  return [zoom.toFixed(2), lat.toFixed(4), lon.toFixed(4)].join("/");
}
