// Is the panel still about what was there before? It shows that Python reads another place, and says when no answer came.

import { byId } from "./dom.mjs";

/** An answer that is quicker than this shows no sign of being waited for, in ms. */
const SLOW_MS = 300;
/** Dash has given up when nothing is on its way for so long, in ms; a later question may follow an earlier one. */
const GIVEN_UP_MS = 500;
const LOADING = "data-dash-is-loading";

/** `failed()` is called when an answer did not come; `over` is to be called with every answer, also one that refuses. */
export function createWaiting(failed) {
  let waits = false;
  let slow = null;
  let quiet = null;

  const body = () => byId("panel-body");

  function over() {
    waits = false;
    clearTimeout(slow);
    clearTimeout(quiet);
    byId("panel")?.removeAttribute("data-waiting");
  }

  function look() {
    clearTimeout(quiet);
    if (!waits || body()?.hasAttribute(LOADING)) return;
    quiet = setTimeout(() => {
      if (!waits || body()?.hasAttribute(LOADING)) return;
      over();
      if (!body()?.querySelector(".error")) failed();
    }, GIVEN_UP_MS);
  }

  // The body may not be there yet.
  const loading = { subtree: true, attributes: true, attributeFilter: [LOADING] };
  new MutationObserver(look).observe(document.documentElement, loading);

  return {
    over,
    /** Another place was asked for. */
    begin() {
      over();
      waits = true;
      slow = setTimeout(() => byId("panel")?.setAttribute("data-waiting", ""), SLOW_MS);
    },
  };
}
