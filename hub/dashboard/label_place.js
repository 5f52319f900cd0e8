/** Where a zone's label goes: inside the zone, clear of its edges, as far up as that allows. Pure. */

const STEPS = 24;
/** Of the widest clearance there is: less brings the label nearer the top edge, off the middle of the heat map. */
const CLEARANCE_SHARE = 0.6;

/**
 * @param {[number, number][]} polygon in metres
 * @returns {{at_m: [number, number], width_m: number}[]} places, best first: near the top, roomiest, near the bottom;
 *   `width_m` is how wide the zone is there
 */
export function labelPlaces(polygon) {
  const xs = polygon.map(([x]) => x);
  const ys = polygon.map(([, y]) => y);
  const [x0, x1, y0, y1] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)];
  const inside = [];
  for (let i = 0; i < STEPS; i += 1) {
    for (let j = 0; j < STEPS; j += 1) {
      const at = [x0 + ((i + 0.5) / STEPS) * (x1 - x0), y0 + ((j + 0.5) / STEPS) * (y1 - y0)];
      if (contains(polygon, at)) inside.push({ at, clear: clearance(polygon, at) });
    }
  }
  if (!inside.length) return [{ at_m: [(x0 + x1) / 2, (y0 + y1) / 2], width_m: x1 - x0 }];
  const roomiest = inside.reduce((best, one) => (one.clear > best.clear ? one : best));
  const fit = inside.filter((one) => one.clear >= CLEARANCE_SHARE * roomiest.clear);
  const rows = fit.map((one) => one.at[1]);
  return [middleOf(polygon, fit, Math.max(...rows)), place(polygon, roomiest.at), middleOf(polygon, fit, Math.min(...rows))];
}

/** The clearest place of one row; of several, the middle. */
function middleOf(polygon, fit, y) {
  const row = fit.filter((one) => one.at[1] === y);
  const best = Math.max(...row.map((one) => one.clear));
  const widest = row.filter((one) => one.clear > best - 1e-9);
  const middle = [(widest[0].at[0] + widest.at(-1).at[0]) / 2, y];
  return place(polygon, contains(polygon, middle) ? middle : widest[0].at);
}

function place(polygon, at_m) {
  return { at_m, width_m: widthAt(polygon, at_m) };
}

function contains(polygon, [x, y]) {
  let inside = false;
  edges(polygon, ([ax, ay], [bx, by]) => {
    if (ay > y !== by > y && x < ((bx - ax) * (y - ay)) / (by - ay) + ax) inside = !inside;
  });
  return inside;
}

/** Distance from a point to the nearest edge. */
function clearance(polygon, [x, y]) {
  let least = Infinity;
  edges(polygon, ([ax, ay], [bx, by]) => {
    const length2 = (bx - ax) ** 2 + (by - ay) ** 2;
    const t = length2 ? Math.max(0, Math.min(1, ((x - ax) * (bx - ax) + (y - ay) * (by - ay)) / length2)) : 0;
    least = Math.min(least, Math.hypot(x - ax - t * (bx - ax), y - ay - t * (by - ay)));
  });
  return least;
}

/** Width of the zone through a point, along the east-west line. */
function widthAt(polygon, [x, y]) {
  const crossings = [];
  edges(polygon, ([ax, ay], [bx, by]) => {
    if (ay > y !== by > y) crossings.push(((bx - ax) * (y - ay)) / (by - ay) + ax);
  });
  const west = Math.max(...crossings.filter((at) => at <= x));
  const east = Math.min(...crossings.filter((at) => at >= x));
  return Number.isFinite(east - west) ? east - west : 0;
}

function edges(polygon, each) {
  polygon.forEach((point, i) => each(polygon[(i + polygon.length - 1) % polygon.length], point));
}
