// What do the bar and the strip of numbers do? They change the view, and show the view when something else changed it.

import { byId, element, write } from "./dom.mjs";
import { connection } from "./words.mjs";

/** `view` as made by view.mjs. */
export function attach(view) {
  document.addEventListener("change", (event) => {
    if (event.target.id === "vaccine") view.set({ vaccine: event.target.value || null });
    if (event.target.id === "colour") view.set({ colour: event.target.value });
  });
  document.addEventListener("click", (event) => {
    const cell = event.target.closest?.("#headline [data-colour]");
    if (cell) view.set({ colour: cell.dataset.colour });
  });
}

/** Makes selects and headline cells show the view. */
export function sync({ vaccine, colour }) {
  choose(byId("vaccine"), vaccine ?? "");
  choose(byId("colour"), colour);
  for (const cell of document.querySelectorAll("#headline [data-colour]")) {
    const pressed = String(cell.dataset.colour === colour);
    if (cell.getAttribute("aria-pressed") !== pressed) cell.setAttribute("aria-pressed", pressed);
  }
}

/** The dot in the bar: a word, and the sentence when live updates pause. */
export function showConnection(state, asOf) {
  const dot = byId("live-dot");
  if (!dot) return;
  const { text, detail } = connection(state, asOf);
  if (dot.children.length !== 2) dot.replaceChildren(element("span", "live-text"), element("span", "live-detail"));
  dot.dataset.state = state;
  dot.title = detail || text;
  write(dot.children[0], text);
  write(dot.children[1], detail);
}

function choose(select, value) {
  if (select && select.value !== value && [...select.options].some((option) => option.value === value))
    select.value = value;
}
