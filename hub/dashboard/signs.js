/** Small signs that say the same by shape as by colour. */

import { html, svg } from "lit";
import { LEVEL_WORDS, SEVERITY_WORDS, T } from "./text.js";
import { levelKey } from "./scale.js";

const SEVERITY_SHAPES = {
  high: svg`<path d="M8 1 L15.2 14 H0.8 Z"></path>`,
  medium: svg`<path d="M8 0.8 L15.2 8 L8 15.2 L0.8 8 Z"></path>`,
  low: svg`<circle cx="8" cy="8" r="6.4"></circle>`,
};

/** Triangle, diamond or disc, with the word beside it. */
export function severitySign(severity) {
  return html`<span class="severity ${severity}"><svg viewBox="0 0 16 16" aria-hidden="true">${SEVERITY_SHAPES[severity]}</svg>${SEVERITY_WORDS[severity]}</span>`;
}

/** The level's digit on its colour; "?" on hatching when unknown. Its word is for screen readers only. */
export function levelBadge(level) {
  const words = level === null || level === undefined ? T.unknown : LEVEL_WORDS[level];
  return html`<span class="level ${levelKey(level)}" aria-label=${words} role="img">${level ?? "?"}</span>`;
}

const CAMERA_SHAPES = {
  live: svg`<circle cx="8" cy="8" r="6"></circle><circle class="dot" cx="8" cy="8" r="2.6"></circle>`,
  bad_picture: svg`<path d="M8 1.5 L14.8 13.5 H1.2 Z"></path><path class="dot" d="M7.2 5.5 h1.6 v4.4 h-1.6 z M7.2 10.8 h1.6 v1.6 h-1.6 z"></path>`,
  silent: svg`<circle cx="8" cy="8" r="6"></circle><path class="cross" d="M4 4 L12 12 M12 4 L4 12"></path>`,
  never: svg`<circle class="dashed" cx="8" cy="8" r="6"></circle>`,
  stopped: svg`<rect x="2" y="2" width="12" height="12"></rect><path class="cross" d="M5 8 H11"></path>`,
};

/** A camera's state by shape: ring with a dot, triangle, crossed ring, dashed ring, square. */
export function cameraSign(state) {
  return html`<svg class="camera ${state}" viewBox="0 0 16 16" aria-hidden="true">${CAMERA_SHAPES[state]}</svg>`;
}
