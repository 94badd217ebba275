// Which day is shown, and in which sense? A native date field beside the months, and a banner over the map with a switch.

import { byId, element, write } from "./dom.mjs";
import { dayName } from "./words.mjs";

/** The banner's sentence; `sense` is "recorded" or null for what occurred. */
export function sentence(day, sense) {
  return sense === "recorded" ? `As it was known on ${dayName(day)}` : `As it was on ${dayName(day)}`;
}

/** `months` as in the registry; `set({as_of, sense})` changes the view. */
export function createDays(months, { set }) {
  document.addEventListener("change", ({ target }) => {
    if (target.id === "day-input" && target.checkValidity())
      set({ as_of: target.value || null, sense: target.value ? byId("sense-input").value || null : null });
    if (target.id === "sense-input" && byId("day-input").value)
      set({ as_of: byId("day-input").value, sense: target.value || null });
  });
  document.addEventListener("click", ({ target }) => {
    if (target.closest?.("#day-now")) set({ as_of: null, sense: null });
  });

  return {
    /** Makes field, switch and banner where they are missing, and shows the day of the view. */
    sync({ as_of: day, sense }) {
      const place = byId("month-slider");
      if (!place) return;
      if (!byId("day-input")) place.after(field(months));
      if (!byId("past-banner")) place.parentElement.prepend(banner());
      show(byId("day-input"), day ?? "");
      show(byId("sense-input"), sense ?? "");
      byId("past-banner").hidden = !day;
      if (day) write(byId("past-text"), sentence(day, sense));
    },
  };
}

function show(input, value) {
  if (input.value !== value && document.activeElement !== input) input.value = value;
}

function field(months) {
  const today = new Date().toISOString().slice(0, 10);
  const day = element("input", "day-input", undefined, {
    id: "day-input",
    type: "date",
    max: today,
    "aria-label": "Day shown",
    title: "Show the map as it was at the end of a day",
  });
  if (months.length) day.min = `${months[0]}-01`;
  const both = element("label", "day-field", undefined, { id: "day-field" });
  both.append(element("span", "", "Day"), day);
  return both;
}

function banner() {
  const text = element("span", "past-text", "", { id: "past-text", role: "status" });
  const sense = element("select", "sense-input", undefined, { id: "sense-input", "aria-label": "What of that day" });
  sense.append(
    element("option", "", "with what is known now", { value: "" }),
    element("option", "", "with what was known then", { value: "recorded" }),
  );
  const now = element("button", "past-now", "Show now", { id: "day-now", type: "button" });
  const made = element("div", "past-banner", undefined, { id: "past-banner" });
  made.append(text, sense, now);
  return made;
}
