// Where does a place lie, as far as the tiles on screen tell? A first guess, until the server's answer comes.

/** The box around what the loaded tiles hold of a code, `[west, south, east, north]`, or null. */
export function boundsOf(map, layer, code) {
  const features = map.querySourceFeatures(layer, { sourceLayer: layer, filter: ["==", ["get", "code"], code] });
  return around(features.map(({ geometry }) => geometry.coordinates));
}

/** The box around nested coordinates; null when there are none. Pure. */
export function around(coordinates) {
  const box = [Infinity, Infinity, -Infinity, -Infinity];
  const visit = (part) => {
    if (typeof part[0] !== "number") return part.forEach(visit);
    const [lon, lat] = part;
    box[0] = Math.min(box[0], lon);
    box[1] = Math.min(box[1], lat);
    box[2] = Math.max(box[2], lon);
    box[3] = Math.max(box[3], lat);
  };
  visit([coordinates]);
  return box[0] <= box[2] ? box : null;
}

/** Whether two boxes differ by more than a tenth of the second one's size. Pure. */
export function differ(a, b) {
  if (!a) return true;
  const size = Math.max(b[2] - b[0], b[3] - b[1], 1e-4);
  return a.some((edge, side) => Math.abs(edge - b[side]) > size / 10);
}
