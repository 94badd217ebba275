// Where does the camera stand? Pure Web-Mercator arithmetic, so that the style is known before the map is.

const TILE = 512;
/** Windows narrower than this have the panel as a sheet at their foot, as the stylesheets have it. */
export const SHEET_BELOW = 900;

/** Pixels of the map that other things cover: the panel, the headline, the foot. `width` and `height` are the map's. */
export function insets(width, height, viewport = width) {
  if (viewport < SHEET_BELOW) return { top: 92, right: 12, bottom: Math.round(height * 0.45) + 112, left: 12 };
  return { top: 104, right: 432, bottom: 140, left: 24 };
}

/** The zoom at which `[west, south, east, north]` just fits into what the insets leave free. */
export function zoomToFit([west, south, east, north], width, height, { top, right, bottom, left }) {
  const wide = Math.max(1e-9, (east - west) / 360);
  const high = Math.max(1e-9, mercator(south) - mercator(north));
  const room = [Math.max(40, width - left - right) / wide, Math.max(40, height - top - bottom) / high];
  return Math.max(0, Math.min(22, Math.log2(Math.min(...room) / TILE)));
}

/**
 * The zooms where the picture changes: `split` from the first to the second level of areas, `near` to facilities. They
 * follow the size of the nation on this screen: a phone that shows all of it stands further out than a desk. Tiles hold the
 * second level from zoom 5 and facilities from zoom 6.
 */
export function thresholds(nationZoom, deepest) {
  const split = clamp(nationZoom + 0.9, 5, 7);
  return { split, near: Math.max(6, deepest === 1 ? clamp(nationZoom + 1, 6, 8) : split + 0.8) };
}

function mercator(latitude) {
  const angle = (Math.max(-85, Math.min(85, latitude)) * Math.PI) / 180;
  return 0.5 - Math.log(Math.tan(Math.PI / 4 + angle / 2)) / (2 * Math.PI);
}

const clamp = (value, low, high) => Math.max(low, Math.min(high, value));
