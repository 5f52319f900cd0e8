/** What stands on the plan: vehicles, cameras, zone labels, alert places. Shapes first, colour second. */

import { L } from "./leaflet.js";
import { html, nothing, render, svg } from "lit";
import { count } from "./format.js";
import { levelKey } from "./scale.js";
import { cameraSign } from "./signs.js";
import { CAMERA_WORDS, KIND_WORDS, LEVEL_WORDS, PICTURE_WORDS, T } from "./text.js";
import { words } from "./words.js";

const MOVING_M_S = 0.5;
const KMH = 3.6;

/** A marker whose content is a Lit template. */
export function mark(content, at_m, cssClass, options = {}) {
  const element = document.createElement("div");
  const icon = L.divIcon({ html: element, className: `mark ${cssClass}`, iconSize: null });
  const marker = L.marker(latLng(at_m), { icon, keyboard: false, interactive: false, ...options });
  marker.draw = (template) => render(template, element);
  marker.draw(content);
  return marker;
}

/** Site metres (east, north) as Leaflet's (lat, lng) in a plane. */
export const latLng = ([x_m, y_m]) => [y_m, x_m];

/** Arrow along the heading; a square when it stands. */
export function vehicleMark(vehicle) {
  const moving = vehicle.speed_m_s >= MOVING_M_S;
  const shape = moving
    ? svg`<path transform="rotate(${vehicle.heading_deg} 14 14)" d="M14 2 L23 25 L14 20 L5 25 Z"></path>`
    : svg`<rect x="6" y="6" width="16" height="16" rx="2"></rect>`;
  const speed = moving ? T.speed(vehicle.speed_m_s * KMH) : T.standing;
  const kind = KIND_WORDS[vehicle.kind] ?? vehicle.kind;
  return html`<div class="vehicle ${vehicle.authorised ? "" : "unauthorised"}">
    <svg viewBox="0 0 28 28" role="img" aria-label="${kind}, ${speed}, ${vehicle.authorised ? T.authorised : T.unauthorised}">
      ${vehicle.authorised ? nothing : svg`<circle class="halo" cx="14" cy="14" r="13.2"></circle>`}${shape}</svg>
    <span>${kind} ${speed}${vehicle.authorised ? nothing : html`, <b>${T.unauthorised}</b>`}</span></div>`;
}

export function cameraMark(site, camera, selected) {
  const state = camera?.state ?? "never";
  const words = state === "bad_picture" ? (PICTURE_WORDS[camera.picture] ?? CAMERA_WORDS.bad_picture) : CAMERA_WORDS[state];
  const named = selected || state !== "live";
  return html`<div class="camera-mark ${state} ${named ? "named" : ""}" title=${`${site.name}: ${words}`}>${cameraSign(state)}
    <span>${site.name}: ${words}</span></div>`;
}

export function zoneLabel(zone, state, selected) {
  const level = state?.level ?? null;
  const was = state?.last_level ?? null;
  return html`<div class="zone-label ${levelKey(level)} ${selected ? "selected" : ""}">
    <span class="level ${levelKey(level)}">${level ?? "?"}</span>
    <span class="words"><b>${zone.name}</b>${level === null
      ? html`<span>${was === null ? T.unknown.toLocaleLowerCase(words.locale) : T.unknownShort(LEVEL_WORDS[was].toLocaleLowerCase(words.locale))}</span>`
      : html`<span>${count(state.people)} ${T.peopleUnit(state.people)}</span>`}</span></div>`;
}

export function alertMark(alert) {
  return html`<div class="alert-mark ${alert.severity}"><svg viewBox="0 0 40 40" aria-hidden="true">
    <circle cx="20" cy="20" r="17"></circle><path d="M20 0 V8 M20 32 V40 M0 20 H8 M32 20 H40"></path></svg></div>`;
}
