// What do the four numbers say after a push? The area on screen is the one that the strip itself names.

import { byId, write } from "./dom.mjs";
import { age, headline } from "./words.mjs";

const seatAndProduct = () => {
  const strip = byId("headline");
  if (!strip || strip.dataset.seat === undefined || strip.dataset.product === undefined) return null;
  return [Number(strip.dataset.seat), Number(strip.dataset.product)];
};

/** Whether a `map:update` changes the area and vaccine that the strip is about; writes the new numbers when it does. */
export function update(payload) {
  const shown = seatAndProduct();
  if (!shown) return false;
  const entry = (payload.areas ?? []).find(([seat, product]) => seat === shown[0] && product === shown[1]);
  if (!entry) return false;
  for (const [name, { value, detail }] of Object.entries(headline(entry))) {
    const cell = byId(`headline-${name}`);
    if (!cell) continue;
    const number = cell.querySelector(".value");
    if (number && number.textContent !== value) flash(cell);
    write(number, value);
    write(cell.querySelector(".detail"), detail);
  }
  const fresh = byId("headline-fresh");
  if (fresh && payload.at) fresh.dataset.at = payload.at;
  tick();
  return true;
}

/** Keeps the age of the newest report counting. */
export function tick(now = Date.now()) {
  const cell = byId("headline-fresh");
  if (cell?.dataset.at) write(cell.querySelector(".value"), age(Date.parse(cell.dataset.at), now));
}

function flash(cell) {
  cell.classList.remove("changed");
  void cell.offsetWidth; // restarts the animation
  cell.classList.add("changed");
}
