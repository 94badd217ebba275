// What is under the pointer, or under the cross in the middle for those who use keys? A card says it, a click goes there.

import { NO_REPORT, STATES } from "./classes.mjs";
import { perFrame } from "./batch.mjs";
import { element } from "./dom.mjs";
import { percent } from "./words.mjs";

const FACILITY_LAYERS = ["facility-worst", "facility"];
const AREA_LAYERS = ["near-fill", "far-fill"];

/** `read(kind, id)` gives the values on screen, `within()` says until when; `go(feature)` is called with what was chosen, `leave()` with Escape;
 * `middle()` is the point that keys aim at. */
export function attach(map, { read, within, go, leave, middle }) {
  const card = element("div", "map-card", undefined, { role: "status" });
  const cross = element("div", "map-cross", undefined, { "aria-hidden": "true" });
  card.hidden = cross.hidden = true;
  map.getContainer().append(card, cross);
  let hovered = "";

  function at(point) {
    const box = [
      [point.x - 5, point.y - 5],
      [point.x + 5, point.y + 5],
    ];
    const shown = (layers) => layers.filter((layer) => map.getLayer(layer));
    const facility = nearest(point, map.queryRenderedFeatures(box, { layers: shown(FACILITY_LAYERS) }));
    if (facility) return { kind: "facilities", id: facility.id, ...facility.properties };
    const [area] = map.queryRenderedFeatures(point, { layers: shown(AREA_LAYERS) });
    return area ? { kind: "areas", id: area.id, ...area.properties } : null;
  }

  /** Where circles lie over each other, the one whose middle is meant. */
  function nearest(point, facilities) {
    const away = ({ geometry }) => map.project(geometry.coordinates).dist(point);
    return facilities.reduce((best, one) => (best && away(best) <= away(one) ? best : one), null);
  }

  function outline(feature) {
    const code = feature?.kind === "areas" ? feature.code : "";
    if (code === hovered) return;
    hovered = code;
    map.setFilter("hovered", ["==", ["get", "code"], code]);
  }

  function show(feature, point) {
    outline(feature);
    map.getCanvas().style.cursor = feature ? "pointer" : "";
    card.hidden = !feature;
    if (!feature) return;
    card.replaceChildren(
      element("strong", "", feature.name),
      ...sentences(feature.kind, read(feature.kind, feature.id), within()),
    );
    const { clientWidth: wide, clientHeight: high } = map.getContainer();
    const left = point.x + 16 + card.offsetWidth > wide ? point.x - 16 - card.offsetWidth : point.x + 16;
    const top = Math.min(Math.max(8, point.y + 16), high - card.offsetHeight - 8);
    card.style.transform = `translate(${Math.max(8, left)}px, ${top}px)`;
  }

  let pointer = null;

  /** Says what is under the pointer, or under the cross, by now. */
  const refresh = perFrame(() => {
    const point = cross.hidden ? pointer : middle();
    if (!cross.hidden) cross.style.transform = `translate(${point.x}px, ${point.y}px)`;
    if (point && !map.isMoving()) show(at(point), point);
    else show(null);
  });

  map.on("mousemove", ({ point }) => {
    pointer = point;
    refresh();
  });
  map.on("mouseout", () => {
    pointer = null;
    refresh();
  });
  // After a flight the pointer lies over another place, which nobody has pointed at yet.
  map.on("movestart", () => {
    pointer = null;
    refresh();
  });
  map.on("idle", () => cross.hidden || refresh());
  map.on("click", ({ point, originalEvent }) => {
    const feature = at(point);
    // A touch leaves no pointer behind that the card could follow.
    if (originalEvent.pointerType === "touch" || !matchMedia("(hover: hover)").matches) pointer = null;
    if (feature) go(feature);
  });

  const canvas = map.getCanvas();
  canvas.addEventListener("focus", () => {
    cross.hidden = !canvas.matches(":focus-visible");
    refresh();
  });
  canvas.addEventListener("blur", () => {
    cross.hidden = true;
    refresh();
  });
  canvas.addEventListener("keydown", (event) => {
    if (event.key === "Enter") {
      const feature = at(middle());
      if (feature) go(feature);
    } else if (event.key === "Escape") leave();
    else return;
    event.preventDefault();
  });
  return { refresh };
}

function sentences(kind, values, within) {
  if (!values) return [element("span", "muted", "Loading")];
  if (kind === "facilities") {
    const state = STATES[values.state];
    const chance =
      values.decile <= 9 ? `${values.decile * 10} to ${values.decile * 10 + 10} % chance of a stockout ${within}` : "";
    const badge = element("span", `badge state-${state?.name ?? "no-report"}`, state?.word ?? "No report");
    return values.state === NO_REPORT || !chance ? [badge] : [badge, element("span", "", chance)];
  }
  if (!(values.risk <= 100)) return [element("span", "muted", "No report: neither stock nor a stockout")];
  return [
    element("span", "", `${percent(values.risk)} of children at risk, ${percent(values.out)} where stock is out`),
    element("span", "muted", `${percent(values.reporting)} of facilities report`),
  ];
}
