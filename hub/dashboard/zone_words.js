/** How an unknown zone is put into words: what it was, how long ago, and why. Pure. */

import { duration, toMs } from "./format.js";
import { CAMERA_WORDS, LEVEL_WORDS, PICTURE_WORDS, T } from "./text.js";
import { words } from "./words.js";

/**
 * @param {object|null} state ZoneState @param {Map<string, object>} cameras CameraState by id @param {number} now Unix ms
 * @param {{said: Function}} clock
 * @returns {{was: string, because: string}}
 */
export function unknownWords(state, cameras, now, clock) {
  const mine = [...cameras.values()].filter((camera) => camera.zones?.includes(state?.zone));
  const because = cause(state, mine, now, clock);
  if (!state || state.last_level === null) return { was: T.unknownNever, because };
  const seen = mine.map((camera) => camera.captured_to).filter(Boolean).sort().at(-1);
  const from = state.captured_to ?? seen ?? state.since;
  const age = duration((now - toMs(from)) / 1000);
  return { was: T.unknownWas(LEVEL_WORDS[state.last_level].toLocaleLowerCase(words.locale), age), because };
}

function cause(state, cameras, now, clock) {
  const blind = cameras.filter((camera) => camera.state !== "live");
  if (blind.length) return T.because(blind.map(cameraWords).join(", "));
  const why = state?.reasons[0];
  return why ? T.because(clock.said(why.phrase, why.text, now)) : "";
}

/** "Mast west: silent", "Gate: frozen". @param {object} camera CameraState */
export function cameraWords(camera) {
  const picture = camera.state === "bad_picture" ? PICTURE_WORDS[camera.picture] : null;
  return T.cameraIs(camera.name, picture ?? CAMERA_WORDS[camera.state]);
}
