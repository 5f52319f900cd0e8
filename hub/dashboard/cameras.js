/** Health of every camera, those in trouble first. */

import { html, nothing } from "lit";
import { repeat } from "lit/directives/repeat.js";
import { PageElement } from "./element.js";
import { duration } from "./format.js";
import { cameraSign } from "./signs.js";
import { CAMERA_WORDS, PICTURE_WORDS, T } from "./text.js";
import { videoLink } from "./video.js";
import { told, words } from "./words.js";

class Cameras extends PageElement {
  static properties = {
    site: { attribute: false }, cameras: { attribute: false }, selected: { attribute: false }, clock: { attribute: false },
    now: { attribute: false },
  };

  render() {
    const cameras = [...this.cameras.values()].sort(
      (a, b) => (a.state === "live") - (b.state === "live") || a.name.localeCompare(b.name, words.locale));
    return html`<ol class="camera-list" aria-label=${T.cameras}>
      ${repeat(cameras, (camera) => camera.camera, (camera) => this.#row(camera))}</ol>`;
  }

  #row(camera) {
    const show = () => this.tell("select-camera", { camera: camera.camera });
    const hide = () => this.tell("select-camera", { camera: null });
    return html`<li class=${camera.state} data-camera=${camera.camera} data-state=${camera.state} tabindex="0"
        aria-current=${camera.camera === this.selected ? "true" : nothing}
        @pointerenter=${show} @pointerleave=${hide} @focusin=${show} @focusout=${hide}>
      <div class="line">${cameraSign(camera.state)} <b>${camera.name}</b>
        <span class="word">${camera.state === "bad_picture" && camera.picture
          ? T.bad(CAMERA_WORDS.bad_picture, PICTURE_WORDS[camera.picture]) : CAMERA_WORDS[camera.state]}</span>
        ${videoLink(camera.vms_url, T.video, "video")}</div>
      ${camera.problem ? html`<p class="problem">${told(camera.problem_phrase, camera.problem)}</p>` : nothing}
      <p class="facts">${this.#facts(camera).join(" · ")}</p></li>`;
  }

  #facts(camera) {
    const facts = [camera.age_s === null ? T.noReading : T.lastReading(duration(camera.age_s))];
    if (camera.frames_per_s !== null) facts.push(T.frames(camera.frames_per_s));
    if (camera.clock_offset_s !== null && (camera.clock_corrected || Math.abs(camera.clock_offset_s) >= 1)) {
      facts.push((camera.clock_corrected ? T.clockCorrected : T.clock)(camera.clock_offset_s));
    }
    if (camera.outbox_depth) facts.push(T.outbox(camera.outbox_depth));
    facts.push(camera.agent);
    return facts;
  }
}

customElements.define("esp-cameras", Cameras);
