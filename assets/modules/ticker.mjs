// What is happening? The newest lines over the map, a few at a time however many arrive.

import { byId, element } from "./dom.mjs";
import { format } from "./query.mjs";
import { ago } from "./words.mjs";

/** Lines kept; the stylesheet shows the first few. */
const KEPT = 30;
/** Lines appear in groups, so that a flood can be read. */
const BEAT_MS = 400;

let waiting = [];
let timer = null;

/** One push: `stock:update` with its lines, or an alert. */
export function add(event, payload) {
  const lines = event === "stock:update" ? (payload.lines ?? [payload]) : [payload];
  waiting.push(...lines.map((line) => ({ ...line, event })));
  waiting = waiting.slice(-KEPT);
  timer ??= setTimeout(show, BEAT_MS);
}

function show() {
  timer = null;
  const list = byId("ticker");
  if (!list) return;
  for (const line of waiting) list.prepend(row(line));
  waiting = [];
  while (list.children.length > KEPT) list.lastElementChild.remove();
}

function row({ event, at, facility, text }) {
  const kind = { "alert:new": "alert-new", "alert:resolved": "alert-resolved" }[event] ?? "stock";
  const item = element("li", `tick tick-${kind}`);
  const link = element("a", "", text, { href: format({ facility }), "data-view": "" });
  item.append(link, element("time", "", ago(Date.parse(at), Date.now()), { datetime: at }));
  return item;
}
