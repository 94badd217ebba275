// What went wrong? One bar over the map: what happened, what is still right, what to try.

import { byId, element } from "./dom.mjs";

/** Shows a sentence over the map, with a button when `retry` is given; "" removes it. */
export function say(text, retry = null) {
  const place = byId("stage-map");
  place?.querySelector(".map-message")?.remove();
  if (!text || !place) return;
  const bar = element("div", "map-message", undefined, { role: "alert" });
  bar.append(element("p", "", text));
  if (retry) {
    const button = element("button", "button", "Try again", { type: "button" });
    button.addEventListener("click", () => {
      say("");
      retry();
    });
    bar.append(button);
  }
  place.append(bar);
}
