// How do the modules live with a page that Dash renders whenever it likes? By finding things anew, never by holding them.

import { perFrame } from "./batch.mjs";

export const byId = (id) => document.getElementById(id);

/** Calls `sync` once per frame in which elements came or went, and once now. `sync` must change nothing when all is well. */
export function keep(sync) {
  const later = perFrame(() => sync());
  new MutationObserver(() => later()).observe(document.body, { childList: true, subtree: true });
  later();
}

/** An element with a class, a text and attributes. */
export function element(tag, className, text, attributes = {}) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}

/** Sets a text only when it differs, so that nothing is announced or laid out twice. */
export function write(target, text) {
  if (target && target.textContent !== text) target.textContent = text;
}

/** Whether the reader asked for less motion. */
export const still = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

/** The element with an id, as soon as the page has it. */
export async function present(id) {
  for (;;) {
    const found = byId(id);
    if (found) return found;
    await new Promise((resolve) => requestAnimationFrame(resolve));
  }
}
