// What is on screen? The one owner of the view: it follows links, writes the address bar and tells everyone else.

import { format, merge, parse, same } from "./query.mjs";

/**
 * `onChange(view, before, cause)` is called after every change of what is shown; `cause` is "user" or "history".
 * Moving the camera is no change: it only rewrites the address.
 */
export function createView(onChange) {
  let view = parse(location.search);

  function become(next, cause) {
    const before = view;
    view = next;
    if (!same(before, next)) onChange(view, before, cause);
  }

  function write(how) {
    history[how](null, "", `${location.pathname}${format(view)}${location.hash}`);
  }

  function set(patch, { replace = false } = {}) {
    const next = { ...view, ...patch };
    if (same(view, next)) return;
    if ((next.area !== view.area || next.facility !== view.facility) && !("at" in patch)) next.at = null;
    const before = view;
    view = next;
    write(replace ? "replaceState" : "pushState");
    onChange(view, before, "user");
  }

  addEventListener("popstate", () => become(parse(location.search), "history"));

  document.addEventListener("click", (event) => {
    const query = queryOf(event);
    if (query === null) return;
    event.preventDefault();
    set(merge(view, query));
  });

  return {
    get: () => view,
    set,
    /** The camera has moved to `{zoom, lat, lon}`. */
    moved(at) {
      view = { ...view, at };
      write("replaceState");
    },
  };
}

/** The query of the view link that a plain click follows, or null: modified clicks stay the browser's own. */
function queryOf(event) {
  if (event.defaultPrevented || event.button !== 0) return null;
  if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return null;
  const link = event.target.closest?.("a[data-view]");
  if (link) return link.pathname === location.pathname ? link.search : null;
  if (event.target.closest?.("a, button, input, select, summary, label")) return null;
  const row = event.target.closest?.("tr[data-view-href]");
  return row ? row.dataset.viewHref : null;
}
