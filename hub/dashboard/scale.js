/** Fixed scales: zone levels, alert order, heat classes. Pure; colours themselves stand in css/page.css. */

/**
 * Lower bounds of the heat classes in people per m². 0.05 parts somebody from nobody. Then Fruin's walkway bounds A, C and D. From 2.0 on: the
 * bounds of crowd hazard 1 to 4 (2.0, 3.5, 4.7, 6.0), which share their colours with the zone levels.
 */
export const HEAT_BOUNDS = [0, 0.05, 0.31, 0.72, 1.08, 2.0, 3.5, 4.7, 6.0];

/** @param {number} density people per m² @returns {number} index into HEAT_BOUNDS */
export function heatClass(density) {
  let index = 0;
  while (index + 1 < HEAT_BOUNDS.length && density >= HEAT_BOUNDS[index + 1]) index += 1;
  return index;
}

const SEVERITY_RANK = { high: 0, medium: 1, low: 2 };

/** True while somebody must still act on it by acknowledging. */
export function waits(alert) {
  return alert.handling === "unacknowledged" && alert.condition !== "pending";
}

/** True for what has been put aside on purpose, or has not opened yet. */
export function aside(alert) {
  return alert.handling === "shelved" || alert.handling === "out_of_service" || alert.condition === "pending";
}

/** Queue order: put aside last; then severity, not acknowledged first, newest first, id. */
export function byUrgency(a, b) {
  return (
    aside(a) - aside(b) ||
    SEVERITY_RANK[a.severity] - SEVERITY_RANK[b.severity] ||
    waits(b) - waits(a) ||
    (a.opened_at < b.opened_at ? 1 : a.opened_at > b.opened_at ? -1 : 0) ||
    (a.alert < b.alert ? -1 : 1)
  );
}

/** Rank of a zone in the list. Unknown ranks just above what was last known; never known ranks above moderate. */
export function zoneRank(zone) {
  if (!zone) return 1.4;
  if (zone.level !== null) return zone.level;
  return (zone.last_level ?? 1) + 0.5;
}

/** CSS key of a zone's level: l0..l4, or lx for unknown. */
export function levelKey(level) {
  return level === null || level === undefined ? "lx" : `l${level}`;
}
