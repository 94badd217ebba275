// What is happening? The newest lines over the map, a few at a time however many arrive.

import { byId, element } from "./dom.mjs";
import { format } from "./query.mjs";
import { ago } from "./words.mjs";

/** Lines kept; the stylesheet shows the first few. */
const KEPT = 30;

let waiting = [];

/** One push, for the next `show`: `stock:update` with its lines, or an alert. */
export function add(event, payload) {
  const lines = event === "stock:update" ? (payload.lines ?? [payload]) : [payload];
  waiting.push(...lines.map((line) => ({ ...line, event })));
  waiting = waiting.slice(-KEPT);
}

/** Puts the lines that came on top; with `motion` they glide in. */
export function show(motion) {
  const list = byId("ticker");
  if (!list || waiting.length === 0) return;
  list.prepend(...waiting.map((line) => row(line, motion)).reverse());
  waiting = [];
  while (list.children.length > KEPT) list.lastElementChild.remove();
}

function row({ event, at, facility, text }, motion) {
  const kind = { "alert:new": "alert-new", "alert:resolved": "alert-resolved" }[event] ?? "stock";
  const item = element("li", `tick tick-${kind}${motion ? " tick-gliding" : ""}`);
  const link = element("a", "", text, { href: format({ facility }), "data-view": "" });
  item.append(link, element("time", "", ago(Date.parse(at), Date.now()), { datetime: at }));
  return item;
}
