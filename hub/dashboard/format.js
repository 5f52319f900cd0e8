/** Numbers, durations and times as the page writes them. Pure. */

/** @param {string|number} instant ISO 8601 or Unix milliseconds @returns {number} Unix milliseconds */
export function toMs(instant) {
  return typeof instant === "number" ? instant : Date.parse(instant);
}

/** Whole number with thin grouping, or a dash when not known. @param {number|null} value */
export function count(value) {
  if (value === null || value === undefined) return "–";
  return Math.round(value).toLocaleString("en-GB").replaceAll(",", "\u202f");
}

/** @param {number|null} value @param {number} digits */
export function decimal(value, digits = 1) {
  return value === null || value === undefined ? "–" : value.toFixed(digits);
}

/** Number with as many digits as help: 5.12, 74, 1 760. @param {number|null} value */
export function figure(value) {
  if (value === null || value === undefined) return "–";
  if (Math.abs(value) >= 100) return count(value);
  return String(Number(value.toFixed(Math.abs(value) >= 10 ? 1 : 2)));
}

/** @param {number|null} share 0..1 */
export function percent(share) {
  return share === null || share === undefined ? "–" : `${Math.round(share * 100)} %`;
}

/** A unit as it is printed: "/m2" becomes "/m²". @param {string|null} unit */
export function unitWords(unit) {
  return (unit ?? "").replace(/m2\b/g, "m²").replace(/m\^2/g, "m²");
}

/** Duration in words short enough to read at a glance. @param {number} seconds */
export function duration(seconds) {
  const s = Math.max(0, Math.round(seconds));
  if (s < 60) return `${s} s`;
  if (s < 600) return `${Math.floor(s / 60)} min ${String(s % 60).padStart(2, "0")} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min`;
  if (s < 86_400) return `${Math.floor(s / 3600)} h ${String(Math.floor((s % 3600) / 60)).padStart(2, "0")} min`;
  return `${Math.floor(s / 86_400)} d ${Math.floor((s % 86_400) / 3600)} h`;
}

/** Value with its range: "1 240 (1 100–1 380)". */
export function ranged(value, low, high) {
  if (value === null || value === undefined) return "–";
  if (low === null || high === null || low === undefined || high === undefined) return count(value);
  if (Math.round(low) === Math.round(high)) return count(value);
  return `${count(value)} (${count(low)}–${count(high)})`;
}

/** Range of minutes: "6 min (5–10)", "6 min (5 or more)". @param {{median_min, low_min, high_min}} t */
export function minutesRange(t) {
  const high = t.high_min === null ? `${Math.round(t.low_min)} or more` : `${Math.round(t.low_min)}–${Math.round(t.high_min)}`;
  return `${Math.round(t.median_min)} min (${high})`;
}

const INSTANT = /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z/g;

/** Clock faces in one time zone. @param {string} timeZone IANA name */
export function clockIn(timeZone) {
  const time = new Intl.DateTimeFormat("en-GB", { timeZone, hour: "2-digit", minute: "2-digit", second: "2-digit" });
  const date = new Intl.DateTimeFormat("en-GB", { timeZone, weekday: "short", day: "numeric", month: "short" });
  const zone = new Intl.DateTimeFormat("en-GB", { timeZone, timeZoneName: "short" });
  const day = new Intl.DateTimeFormat("en-CA", { timeZone });
  const moment = (instant, now) =>
    day.format(toMs(instant)) === day.format(now)
      ? time.format(toMs(instant))
      : `${date.format(toMs(instant))} ${time.format(toMs(instant))}`;
  return {
    /** 20:14:32 */
    time: (instant) => time.format(toMs(instant)),
    /** Sat 20 Jun */
    date: (instant) => date.format(toMs(instant)),
    /** CEST or GMT+3 */
    zone: (instant) => zone.formatToParts(toMs(instant)).find((p) => p.type === "timeZoneName")?.value ?? timeZone,
    /** 20:14:32, with the day when it is not the same day as `now` */
    moment,
    /** The hub's sentence with each UTC instant in it as a moment of the site's clock. */
    said: (text, now) => text.replace(INSTANT, (instant) => moment(instant, now)),
  };
}
