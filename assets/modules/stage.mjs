// How does the map come to be? It is created before Dash is there, and adopted by MapView when Dash mounts it.

import * as camera from "./camera.mjs";
import * as icons from "./icons.mjs";
import { build } from "./style.mjs";
import { byId, still } from "./dom.mjs";

/**
 * MapLibre with its worker on the way: both take a while to start, so that nothing else should be waited for before. The
 * worker lies at the address that the page has asked for already, at our own origin.
 */
export async function prepare() {
  const maplibre = await import("../vendor/maplibre-gl/maplibre-gl.mjs");
  maplibre.setWorkerUrl(new URL("../vendor/maplibre-gl/maplibre-gl-worker.mjs", import.meta.url).href);
  maplibre.prewarm();
  return maplibre;
}

/** Throws MapLibre's `GPUInitializationError` where the browser cannot draw a map. */
export function createStage(maplibre, container, { programme, registry, theme, at }) {
  const room = () => covered(container);
  const nationZoom = camera.zoomToFit(registry.bbox, container.clientWidth, container.clientHeight, room());
  const zooms = camera.thresholds(nationZoom, registry.deepest);
  const motion = () => ({ duration: still() ? 0 : 600 });
  const style = (wanted) =>
    build({
      theme: wanted,
      bounds: registry.bbox,
      deepest: registry.deepest,
      tiles: (layer) => `${location.origin}/tiles/${programme}/${registry.version}/${layer}/{z}/{x}/{y}.mvt`,
      ...zooms,
    });
  const map = new maplibre.Map({
    container,
    style: style(theme),
    ...(at
      ? { center: [at.lon, at.lat], zoom: at.zoom }
      : { bounds: registry.bbox, fitBoundsOptions: { padding: room() } }),
    minZoom: Math.max(0, nationZoom - 1.5),
    maxZoom: 16,
    dragRotate: false,
    pitchWithRotate: false,
    touchPitch: false,
    attributionControl: false,
    fadeDuration: 0,
    renderWorldCopies: false,
  });
  map.touchZoomRotate.disableRotation();
  map.keyboard.disableRotation();
  map.addControl(new maplibre.NavigationControl({ showCompass: false }), "bottom-right");
  map
    .getCanvas()
    .setAttribute(
      "aria-label",
      "Map. Arrow keys move, plus and minus zoom, Enter opens the place in the middle, Escape goes back.",
    );
  map.on("style.load", () => {
    icons.add(map);
    // A map that never tilts has no sky, yet MapLibre would fill the window with a transparent one in every frame, which
    // is a quarter of a frame's work where no graphics card does it. There is no option for it.
    map.style.sky.getEvaluated = () => null;
  });

  return {
    map,
    zooms,
    motion,
    /** The point in the middle of what nothing lies over. */
    middle() {
      const { left, right, top, bottom } = room();
      const { clientWidth: wide, clientHeight: high } = container;
      return new maplibre.Point((left + wide - right) / 2, (top + high - bottom) / 2);
    },
    /** Moves so that a box is in view; a point is shown at the zoom of a facility. */
    fit([west, south, east, north]) {
      const point = east - west < 1e-6 && north - south < 1e-6;
      // Not easeTo, not even for a point: its padding stays with the map, and every later fit would add to it.
      map.fitBounds(
        [
          [west, south],
          [east, north],
        ],
        { maxZoom: point ? Math.max(map.getZoom(), 12) : 13, padding: room(), ...motion() },
      );
    },
    theme(wanted) {
      map.setStyle(style(wanted));
    },
    /** Draws the outline of the area and the ring of the facility that the view names. */
    select({ area, facility }) {
      for (const layer of ["selected-halo", "selected"]) map.setFilter(layer, ["==", ["get", "code"], area ?? ""]);
      map.setFilter("facility-selected", ["==", ["get", "code"], facility ?? ""]);
    },
    /** The level of the areas that are filled at a zoom. */
    level: (zoom) => (registry.deepest > 1 && zoom >= zooms.split ? 2 : 1),
  };
}

/** Where what lies over the map leaves next to nothing of it, a place is shown behind it. */
const EDGE = { top: 8, right: 8, bottom: 8, left: 8 };

/** Pixels of the map that other things lie over: as they are, or as they will be while Dash has not rendered them yet. */
function covered(container) {
  const { left, right, top, bottom, width, height } = container.getBoundingClientRect();
  const guess = camera.insets(width, height, innerWidth);
  const rect = (element) => element?.getBoundingClientRect();
  const [strip, panel, foot, banner] = [
    byId("headline"),
    byId("panel"),
    byId("legend")?.closest(".map-foot"),
    byId("past-banner"),
  ].map(rect);
  const fits = ({ top: above, bottom: below }) => height - above - below >= 120;
  if (!strip || !panel || !foot) return fits(guess) ? guess : EDGE;
  const sheet = panel.left <= left + 1;
  const room = {
    top: strip.bottom - top + 12,
    left: guess.left,
    right: sheet ? guess.right : Math.min(guess.right, right - panel.left + 16),
    bottom: bottom - Math.min(foot.top, banner?.height ? banner.top : foot.top) + 12,
  };
  return [room, guess].find(fits) ?? EDGE;
}
