// What do the bar and the strip of numbers do? They change the view, and show the view when something else changed it.

import { byId, element, write } from "./dom.mjs";
import { connection } from "./words.mjs";

/** Which part of the view a select is about; on a phone the colours stand beside the legend. */
const SELECTS = { vaccine: "vaccine", colour: "colour", "colour-here": "colour", horizon: "horizon", preset: "preset" };

/** The colours that a lens is for; see `lens` in query.mjs. */
const LENSES = { horizon: "probability", preset: "state" };

/** `view` as made by view.mjs. */
export function attach(view) {
  document.addEventListener("change", ({ target }) => {
    const name = SELECTS[target.id];
    if (name) view.set({ [name]: target.value || null });
  });
  document.addEventListener("click", (event) => {
    const cell = event.target.closest?.("#headline [data-colour]");
    if (cell) view.set({ colour: cell.dataset.colour });
  });
}

/** Makes selects and headline cells show the view. */
export function sync(view) {
  const { colour, month, as_of: day } = view;
  for (const [id, name] of Object.entries(SELECTS)) choose(byId(id), view[name] ?? "");
  for (const [id, itsColour] of Object.entries(LENSES)) {
    const field = byId(id)?.parentElement;
    if (field) field.hidden = colour !== itsColour || Boolean(month || day);
  }
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
