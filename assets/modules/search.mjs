// Where is it? A combobox over the search of the API: type, arrow, Enter; Escape closes.

import { debounce } from "./batch.mjs";
import * as dash from "./dash.mjs";
import { byId, element } from "./dom.mjs";
import { getJson } from "./http.mjs";

const WAIT_MS = 180;
const SHORTEST = 2;

/** `go({area} or {facility})` is called with what was chosen. */
export function attach(programme, go) {
  let asking = null;
  let active = -1;

  const box = () => byId("search");
  const list = () => byId("search-results");
  const options = () => [...(list()?.querySelectorAll("[role=option]") ?? [])];

  function close() {
    asking?.abort();
    find.cancel();
    if (list()) list().hidden = true;
    box()?.setAttribute("aria-expanded", "false");
    box()?.removeAttribute("aria-activedescendant");
    active = -1;
  }

  function open(children) {
    const target = list();
    if (!target) return;
    target.replaceChildren(...children);
    target.hidden = false;
    box().setAttribute("aria-expanded", "true");
    activate(-1);
  }

  function activate(place) {
    active = place;
    options().forEach((option, at) => option.setAttribute("aria-selected", String(at === place)));
    const option = options()[place];
    if (!option) return box()?.removeAttribute("aria-activedescendant");
    box().setAttribute("aria-activedescendant", option.id);
    option.scrollIntoView({ block: "nearest" });
  }

  const find = debounce(async (text) => {
    asking?.abort();
    asking = new AbortController();
    try {
      const found = await getJson(`/api/v1/${programme}/search?q=${encodeURIComponent(text)}`, {
        signal: asking.signal,
      });
      const results = Array.isArray(found) ? found : found.results;
      open(
        results.length > 0
          ? results.map(row)
          : [element("li", "search-none", `Nothing is called “${text}”. Try part of a name, or a code.`)],
      );
    } catch (problem) {
      if (problem.name !== "AbortError")
        open([element("li", "search-none", `The search did not work: ${problem.message} Try again.`)]);
    }
  }, WAIT_MS);

  function choose(option) {
    close();
    // The input may be Dash's own, which remembers what was typed.
    dash.setProps("search", { value: "" });
    box().value = "";
    box().blur();
    go(
      option.dataset.kind === "facility"
        ? { facility: option.dataset.code }
        : { area: option.dataset.code, facility: null },
    );
  }

  document.addEventListener("input", (event) => {
    if (event.target.id !== "search") return;
    const text = event.target.value.trim();
    if (text.length < SHORTEST) return close();
    find(text);
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "/" && !event.target.closest?.("input, select, textarea, [contenteditable]")) {
      event.preventDefault();
      box()?.focus();
      return;
    }
    if (event.target.id !== "search") return;
    const count = options().length;
    if (event.key === "Escape") close();
    else if (event.key === "ArrowDown" && count) activate((active + 1) % count);
    else if (event.key === "ArrowUp" && count) activate((active - 1 + count) % count);
    else if (event.key === "Enter" && count) choose(options()[Math.max(0, active)]);
    else return;
    event.preventDefault();
  });
  document.addEventListener("click", (event) => {
    const option = event.target.closest?.("#search-results [role=option]");
    if (option) choose(option);
    else if (!event.target.closest?.(".search")) close();
  });

  return {
    /** Gives the input its roles where Dash has just rendered it. */
    sync() {
      const input = box();
      if (!input || input.getAttribute("role") === "combobox") return;
      const roles = {
        role: "combobox",
        "aria-expanded": "false",
        "aria-controls": "search-results",
        "aria-autocomplete": "list",
        autocomplete: "off",
        spellcheck: "false",
      };
      for (const [name, value] of Object.entries(roles)) input.setAttribute(name, value);
    },
  };
}

function row(result, place) {
  const { kind, code, name } = result;
  const option = element("li", "search-option", undefined, {
    role: "option",
    id: `search-option-${place}`,
    "data-kind": kind,
    "data-code": code,
    "aria-selected": "false",
  });
  const where = result.where ?? result.area_name ?? result.parent_name ?? "";
  option.append(
    element("span", "search-name", name),
    element("span", "search-where", [where, code].filter(Boolean).join(" · ")),
  );
  return option;
}
