// Which moment is shown? A native slider over the months on record, with "Now" at its right end.

import { debounce } from "./batch.mjs";
import { byId, element, write } from "./dom.mjs";
import { monthName } from "./words.mjs";

const DRAG_MS = 120;

/** `months` as in the registry; `set(month, {replace})` changes the view. */
export function createMonths(months, { set }) {
  const at = (place) => months[place] ?? null;
  const name = (month) => (month ? monthName(month) : "Now");
  const drag = debounce((month) => set(month, { replace: true }), DRAG_MS);

  document.addEventListener("input", (event) => {
    if (event.target.id !== "month-input") return;
    const month = at(Number(event.target.value));
    label(month);
    drag(month);
  });
  document.addEventListener("change", (event) => {
    if (event.target.id !== "month-input") return;
    drag.cancel();
    set(at(Number(event.target.value)), { replace: true });
  });
  document.addEventListener("click", (event) => {
    if (event.target.closest?.("#month-now")) set(null, {});
  });

  function label(month) {
    write(byId("month-output"), name(month));
    byId("month-input")?.setAttribute("aria-valuetext", name(month));
  }

  return {
    /** Makes the slider where it is missing, and shows the month of the view, or that of its day. */
    sync({ month: whole, as_of: day }) {
      const month = whole ?? day?.slice(0, 7);
      const place = byId("month-slider");
      if (!place || months.length < 2) return;
      if (!byId("month-input")) place.append(...parts(months, name));
      const input = byId("month-input");
      const value = String(months.includes(month) ? months.indexOf(month) : months.length);
      if (input.value !== value && document.activeElement !== input) input.value = value;
      label(month);
      place.classList.toggle("past", Boolean(month));
    },
  };
}

function parts(months, name) {
  const input = element("input", "month-input", undefined, {
    id: "month-input",
    type: "range",
    min: 0,
    max: months.length,
    step: 1,
    "aria-label": "Month shown",
  });
  const output = element("output", "month-output", "Now", { id: "month-output", for: "month-input" });
  const now = element("button", "month-now", "Now", { id: "month-now", type: "button", title: "Back to now" });
  return [element("span", "month-end", name(months[0])), input, output, now];
}
