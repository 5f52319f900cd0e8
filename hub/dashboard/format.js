/** Numbers, durations and times as the page writes them, in the language of now. No clock, no network. */

import { say, sayAs, told, words } from "./words.js";

/** @param {string|number} instant ISO 8601 or Unix milliseconds @returns {number} Unix milliseconds */
export function toMs(instant) {
  return typeof instant === "number" ? instant : Date.parse(instant);
}

/** Whole number, grouped, or a dash when not known. @param {number|null} value */
export function count(value) {
  return value === null || value === undefined ? "–" : words.number(Math.round(value), 0);
}

/** @param {number|null} value @param {number} digits */
export function decimal(value, digits = 1) {
  return value === null || value === undefined ? "–" : words.number(value, digits);
}

/** Number with as many digits as help: 5.12, 74, 1 760. @param {number|null} value */
export function figure(value) {
  if (value === null || value === undefined) return "–";
  if (Math.abs(value) >= 100) return count(value);
  return words.number(Number(value.toFixed(Math.abs(value) >= 10 ? 1 : 2)));
}

/** @param {number|null} share 0..1 */
export function percent(share) {
  return share === null || share === undefined ? "–" : words.percent(share);
}

/** A unit of the hub as it is printed: "/m2" becomes "/m²". @param {string|null} unit */
export function unitWords(unit) {
  if (unit === "persons") return sayAs("unit", "persons");
  if (unit === "vehicles") return sayAs("unit", "vehicles");
  if (unit === "level") return sayAs("unit", "level");
  if (unit === "share") return sayAs("unit", "share");
  return (unit ?? "").replace(/m2\b/g, "m²").replace(/m\^2/g, "m²");
}

/** Duration in words short enough to read at a glance. @param {number} seconds */
export function duration(seconds) {
  const s = Math.max(0, Math.round(seconds));
  const two = (n) => String(n).padStart(2, "0");
  if (s < 60) return say("{s} s", { s });
  if (s < 600) return say("{min} min {s} s", { min: Math.floor(s / 60), s: two(s % 60) });
  if (s < 3600) return say("{min} min", { min: Math.floor(s / 60) });
  if (s < 86_400) return say("{h} h {min} min", { h: Math.floor(s / 3600), min: two(Math.floor((s % 3600) / 60)) });
  return say("{d} d {h} h", { d: Math.floor(s / 86_400), h: Math.floor((s % 86_400) / 3600) });
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
  const [min, low, high] = [t.median_min, t.low_min, t.high_min].map((n) => (n === null ? null : Math.round(n)));
  return high === null ? say("{min} min ({low} or more)", { min, low }) : say("{min} min ({low}–{high})", { min, low, high });
}

const INSTANT = /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z/g;
const CLOCK_24_H = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" };

/** Clock faces in one time zone, in the language of now. @param {string} timeZone IANA name */
export function clockIn(timeZone) {
  const day = new Intl.DateTimeFormat("en-CA", { timeZone });
  let locale = null;
  let faces = null;
  const face = (name) => {
    if (locale !== words.locale) {
      locale = words.locale;
      faces = {
        time: new Intl.DateTimeFormat(locale, { timeZone, ...CLOCK_24_H, second: "2-digit" }),
        minute: new Intl.DateTimeFormat(locale, { timeZone, ...CLOCK_24_H }),
        date: new Intl.DateTimeFormat(locale, { timeZone, weekday: "short", day: "numeric", month: "short" }),
        zone: new Intl.DateTimeFormat(locale, { timeZone, timeZoneName: "short" }),
      };
    }
    return faces[name];
  };
  const time = (instant) => face("time").format(toMs(instant));
  const date = (instant) => face("date").format(toMs(instant));
  const moment = (instant, now) =>
    day.format(toMs(instant)) === day.format(now) ? time(instant) : `${date(instant)} ${time(instant)}`;
  return {
    /** 20:14:32 */
    time,
    /** 20:14 */
    minute: (instant) => face("minute").format(toMs(instant)),
    /** Sat 20 Jun */
    date,
    /** CEST or GMT+3 */
    zone: (instant) => face("zone").formatToParts(toMs(instant)).find((p) => p.type === "timeZoneName")?.value ?? timeZone,
    /** 20:14:32, with the day when it is not the same day as `now` */
    moment,
    /**
     * What the hub said, in the language of now and with each instant as a moment of the site's clock.
     * @param {object|null|undefined} phrase @param {string} text the same in English, for what has no phrase
     */
    said: (phrase, text, now) =>
      phrase ? told(phrase, text, (instant) => moment(instant, now)) : text.replace(INSTANT, (instant) => moment(instant, now)),
  };
}
