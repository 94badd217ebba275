// How high is the panel? On a phone a sheet with three heights, by drag or button; on a desk it widens to a page.

import { SHEET_BELOW } from "./camera.mjs";
import { byId, still } from "./dom.mjs";

const HEIGHTS = ["peek", "half", "full"];
/** A drag shorter than this is a press of the button. */
const PRESS_PX = 6;

export const height = () => byId("panel")?.dataset.height ?? "half";

/** Sets the height; the stylesheet does the rest. */
export function become(next) {
  const panel = byId("panel");
  if (!panel) return;
  panel.dataset.height = next;
  panel.style.removeProperty("--drag");
  byId("panel-grip")?.setAttribute("aria-label", next === "full" ? "Make the panel smaller" : "Make the panel larger");
  byId("panel-grip")?.setAttribute("aria-expanded", String(next !== "peek"));
}

export function attach() {
  let drag = null;

  document.addEventListener("pointerdown", (event) => {
    if (!event.target.closest?.(".panel-grip") || innerWidth >= SHEET_BELOW) return;
    const panel = byId("panel");
    const start = panel.getBoundingClientRect().height;
    drag = { from: event.clientY, start, moved: 0, pointer: event.pointerId };
    // Without a height of its own it would jump from under the finger, and the press would miss its button.
    panel.style.setProperty("--drag", `${start}px`);
    panel.classList.add("dragging");
  });
  document.addEventListener("pointermove", (event) => {
    if (!drag || event.pointerId !== drag.pointer) return;
    drag.moved = drag.from - event.clientY;
    byId("panel").style.setProperty("--drag", `${drag.start + drag.moved}px`);
  });
  const drop = (event) => {
    if (!drag || event.pointerId !== drag.pointer) return;
    const panel = byId("panel");
    panel.classList.remove("dragging");
    if (Math.abs(drag.moved) > PRESS_PX) {
      const share = (drag.start + drag.moved) / innerHeight;
      become(share < 0.28 ? "peek" : share < 0.68 ? "half" : "full");
      suppressClick();
    }
    panel.style.removeProperty("--drag");
    drag = null;
  };
  document.addEventListener("pointerup", drop);
  document.addEventListener("pointercancel", drop);

  document.addEventListener("click", (event) => {
    if (!event.target.closest?.("#panel-grip")) return;
    const phone = innerWidth < SHEET_BELOW;
    if (!phone) become(height() === "full" ? "half" : "full");
    else become(HEIGHTS[(HEIGHTS.indexOf(height()) + 1) % HEIGHTS.length]);
  });
}

/** The click that ends a drag is not a press. */
function suppressClick() {
  const stop = (event) => event.stopPropagation();
  addEventListener("click", stop, { capture: true, once: true });
  setTimeout(() => removeEventListener("click", stop, { capture: true }), 50);
}

/** Shows the part of the panel about a vaccine, once it is there; returns whether it was. */
export function revealVaccine(code) {
  const heading = byId("panel-body")?.querySelector("h2.chosen");
  if (heading?.dataset.product !== code) return false;
  heading.scrollIntoView({ block: "start", behavior: still() ? "auto" : "smooth" });
  return true;
}

/** Shows the panel from its top: it tells of another place now. */
export function reveal() {
  if (height() === "peek") become("half");
  byId("panel-body")?.scrollTo({ top: 0, behavior: still() ? "auto" : "smooth" });
}
