/** What really stood in a zone of rendered footage, at the moments of a chart. Demos and exercises only. Pure. */

import { toMs } from "./format.js";

/**
 * The film is played in a loop from the begin of each run. Nothing is said before the first run, nor after the end of one:
 * the newest run is taken to go on where something was measured.
 * @param {{loop_s: number, t_s: number[], people: number[], runs: {begin: string, end: string}[]} | null} truth
 * @param {number[]} at_s rising @param {(number|null)[]} measured people, one for each moment
 * @returns {(number|null)[]}
 */
export function truthAt(truth, at_s, measured) {
  const runs = (truth?.runs ?? []).map(({ begin, end }) => [toMs(begin) / 1000, toMs(end) / 1000]);
  let run = -1;
  return at_s.map((at, i) => {
    while (run + 1 < runs.length && runs[run + 1][0] <= at) run += 1;
    if (run < 0) return null;
    const [begin, end] = runs[run];
    const goesOn = run === runs.length - 1 && measured[i] !== null;
    if (at > end && !goesOn) return null;
    return truth.people[lastAtOrBefore(truth.t_s, (at - begin) % truth.loop_s)];
  });
}

/** Index of the last value that is not above `wanted`; the first one below all. */
function lastAtOrBefore(values, wanted) {
  let low = 0;
  let high = values.length;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (values[middle] <= wanted) low = middle;
    else high = middle;
  }
  return low;
}
