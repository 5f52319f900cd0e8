/** What the hub last said, and how an event changes it. Pure: no clock, no network. */

/**
 * @typedef {object} State
 * @property {number|null} seq
 * @property {string|null} at
 * @property {object|null} hub
 * @property {Map<string, object>} zones ZoneState by zone id
 * @property {object[]} alerts open alerts
 * @property {object|null} heat
 * @property {object[]} vehicles
 * @property {Map<string, object>} cameras CameraState by camera id
 */

/** @type {State} */
export const NOTHING = Object.freeze({
  seq: null, at: null, hub: null, zones: new Map(), alerts: [], heat: null, vehicles: [], cameras: new Map(),
});

/** A delta that does not continue what we hold: only a new snapshot helps. */
export class Gap extends Error {}

/** @returns {State} */
export function fromSnapshot(data) {
  return {
    seq: data.seq,
    at: data.at,
    hub: data.hub,
    zones: byId(data.zones, "zone"),
    alerts: data.alerts,
    heat: data.heat,
    vehicles: data.vehicles,
    cameras: byId(data.cameras, "camera"),
  };
}

/**
 * The state after a delta; a list in it replaces the one before whole. A delta seen already changes nothing.
 * @param {State} state @param {object} delta @returns {State}
 * @throws {Gap} when there is no snapshot yet, or a delta between was lost
 */
export function afterDelta(state, delta) {
  if (state.seq === null) throw new Gap("no snapshot yet");
  if (delta.seq <= state.seq) return state;
  if (delta.seq > state.seq + 1) throw new Gap(`${state.seq} is followed by ${delta.seq}`);
  const next = { ...state, seq: delta.seq, at: delta.at };
  if (delta.hub) next.hub = delta.hub;
  if (delta.heat !== undefined) next.heat = delta.heat;
  if (delta.vehicles) next.vehicles = delta.vehicles;
  if (delta.zones) next.zones = byId(delta.zones, "zone");
  if (delta.cameras) next.cameras = byId(delta.cameras, "camera");
  if (delta.alerts) next.alerts = delta.alerts;
  if (delta.closed?.length) {
    const closed = new Set(delta.closed);
    next.alerts = next.alerts.filter((alert) => !closed.has(alert.alert));
  }
  return next;
}

/** The same alerts with one replaced by its newer self, as a POST answers it. A closed one leaves the list. */
export function withAlert(state, alert) {
  const rest = state.alerts.filter((one) => one.alert !== alert.alert);
  return { ...state, alerts: alert.closed_at ? rest : [...rest, alert] };
}

/** Alerts in `after` that were not in `before`. */
export function newAlerts(before, after) {
  const known = new Set(before.map((alert) => alert.alert));
  return after.filter((alert) => !known.has(alert.alert) && alert.condition !== "pending");
}

function byId(list, key) {
  return new Map(list.map((one) => [one[key], one]));
}
