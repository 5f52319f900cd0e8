/** Points of a zone's history as columns for the chart. Pure. */

import { toMs } from "./format.js";

const SECONDS_APART_S = 5;

/**
 * Where nothing was known, or a step is missing, every value is null, so that the chart breaks its lines there.
 * @param {object[]} points as the hub gives them, oldest first @param {number} step_s of the hub's minutes
 * @returns {{at_s: number[], people: (number|null)[], low: (number|null)[], high: (number|null)[],
 *   patch: (number|null)[], level: (number|null|undefined)[]}} level undefined: no record at all
 */
export function columns(points, step_s) {
  const out = { at_s: [], people: [], low: [], high: [], patch: [], level: [] };
  let last = null;
  let longest_s = step_s * 1.5;
  for (const point of points) {
    const at_s = toMs(point.at) / 1000;
    if (last !== null && at_s <= last) continue;
    if (last !== null && at_s - last > longest_s) add(out, last + 0.001, NOTHING);
    add(out, at_s, point);
    // Minutes come first, then seconds: after two points a second apart the next is due within seconds too.
    longest_s = last !== null && at_s - last < SECONDS_APART_S ? SECONDS_APART_S : step_s * 1.5;
    last = at_s;
  }
  return out;
}

const NOTHING = { people: null, people_low: null, people_high: null, patch_max_per_m2: null, level: undefined };

function add(out, at_s, point) {
  out.at_s.push(at_s);
  out.people.push(point.people);
  out.low.push(point.people_low);
  out.high.push(point.people_high);
  out.patch.push(point.patch_max_per_m2);
  out.level.push(point.level);
}

/** A live ZoneState as one more point. */
export function pointOf(state) {
  const { at, people, people_low, people_high, density_per_m2, patch_max_per_m2, level, quality } = state;
  return { at, people, people_low, people_high, density_per_m2, patch_max_per_m2, level, quality };
}
