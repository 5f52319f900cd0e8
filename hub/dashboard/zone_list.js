/** All zones, worst first. Unknown ranks just above what was last known. */

import { html, nothing } from "lit";
import { repeat } from "lit/directives/repeat.js";
import { PageElement } from "./element.js";
import { count, decimal } from "./format.js";
import { zoneRank } from "./scale.js";
import { levelBadge } from "./signs.js";
import { LEVEL_WORDS, T } from "./text.js";
import { words } from "./words.js";
import { unknownWords } from "./zone_words.js";

class ZoneList extends PageElement {
  static properties = {
    site: { attribute: false }, zones: { attribute: false }, cameras: { attribute: false }, selected: { attribute: false }, clock: { attribute: false }, now: { attribute: false },
  };

  render() {
    const rank = (zone) => zoneRank(this.zones.get(zone.id));
    const zones = [...this.site.zones].sort((a, b) => rank(b) - rank(a) || a.name.localeCompare(b.name, words.locale));
    return html`<ol class="zone-list" aria-label=${T.zones}>
      ${repeat(zones, (zone) => zone.id, (zone) => this.#row(zone))}</ol>`;
  }

  #row(zone) {
    const state = this.zones.get(zone.id) ?? null;
    const level = state?.level ?? null;
    return html`<li data-zone=${zone.id} data-level=${level ?? "unknown"} data-captured-to=${state?.captured_to ?? ""}>
      <button aria-pressed=${zone.id === this.selected} @click=${() => this.tell("select-zone", { zone: zone.id })}>
        ${levelBadge(level)}
        <span class="name">${zone.name}</span>
        ${level === null ? this.#unknown(state) : html`
          <span class="word">${LEVEL_WORDS[level]}${state.quality === "partly" ? html`, ${T.partly(state.observed_share)}` : state.quality === "held" ? html`, ${T.held}` : nothing}</span>
          <span class="figures"><b>${count(state.people)}</b> ${T.peopleUnit(state.people)}<br>
            <b>${decimal(state.patch_max_per_m2)}</b> /m²</span>`}
      </button></li>`;
  }

  #unknown(state) {
    const { was, because } = unknownWords(state, this.cameras, this.now, this.clock);
    return html`<span class="word">${T.unknown}, ${was}</span><span class="because">${because}</span>`;
  }
}

customElements.define("esp-zone-list", ZoneList);
