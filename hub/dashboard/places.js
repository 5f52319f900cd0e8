/** What the place of an alert is called, and whether a sentence of the hub has said it already. Pure. */

import { decimal, figure } from "./format.js";

/** The camera, area or zone it is about, with the zone around it. @param {object} site @param {object} alert */
export function placeName(site, alert) {
  const named = (list) => list.find((one) => one.id === alert.subject)?.name;
  const zone = site.zones.find((one) => one.id === alert.zone)?.name;
  const subject = named(site.cameras) ?? named(site.areas) ?? named(site.zones) ?? alert.subject;
  return zone && zone !== subject ? `${subject}, ${zone}` : subject;
}

/** The place, less what the alert's title has said. */
export function placeBesideTitle(site, alert) {
  return placeName(site, alert)
    .split(", ")
    .filter((part) => !alert.title.includes(part))
    .join(", ");
}

/** True when the reason's sentence names its number and its limit itself. @param {object} reason Reason @param {string} text as shown */
export function saysItsNumbers(reason, text) {
  const says = (value) => value === null || [figure(value), decimal(value), decimal(value, 0)].some((n) => text.includes(n));
  return says(reason.value) && says(reason.threshold);
}
