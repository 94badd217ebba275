// What do the four numbers say after a push? The area on screen is the one that the strip itself names.

import { byId, write } from "./dom.mjs";
import { age, ageOf, headline } from "./words.mjs";

const seatAndProduct = () => {
  const strip = byId("headline");
  if (!strip || strip.dataset.seat === undefined || strip.dataset.product === undefined) return null;
  return [Number(strip.dataset.seat), Number(strip.dataset.product)];
};

/** What a push has brought for the strip and is not written yet: `{entry, at}`. */
let news = null;

/** Whether a `map:update` changes the area and vaccine that the strip is about; `show` writes the new numbers. */
export function update({ areas, at }) {
  const shown = seatAndProduct();
  const entry = shown && (areas ?? []).find((one) => isAbout(one, shown));
  if (!entry) return false;
  news = { entry, at };
  return true;
}

/** Writes what came last; with `motion` a number that has changed shines for a moment. */
export function show(motion) {
  const shown = seatAndProduct();
  if (!news || !shown) return;
  const { entry, at } = news;
  news = null;
  // Another area or vaccine may be on screen by now, whose numbers Python has just read.
  if (!isAbout(entry, shown)) return;
  for (const [name, { value, detail }] of Object.entries(headline(entry))) {
    const cell = byId(`headline-${name}`);
    if (!cell) continue;
    const number = cell.querySelector(".value");
    if (motion && number && number.textContent !== value) flash(cell);
    write(number, value);
    write(cell.querySelector(".detail"), detail);
  }
  const fresh = byId("headline-fresh");
  if (fresh && at) fresh.dataset.at = at;
  tick();
}

const isAbout = ([seat, product], shown) => seat === shown[0] && product === shown[1];

/** Keeps the age of the newest report counting. */
export function tick(now = Date.now()) {
  const cell = byId("headline-fresh");
  if (!cell?.dataset.at) return;
  const text = age(Date.parse(cell.dataset.at), now);
  write(cell.querySelector(".value"), text);
  write(cell.querySelector(".detail"), ageOf(text));
}

function flash(cell) {
  cell.classList.remove("changed");
  void cell.offsetWidth; // restarts the animation
  cell.classList.add("changed");
}
