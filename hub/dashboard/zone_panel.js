/** The selected zone: how full, how it changes, and why it has its level. */

import { html, nothing } from "lit";
import { PageElement } from "./element.js";
import { count, decimal, minutesRange, percent, ranged, unitWords } from "./format.js";
import { saysItsNumbers } from "./places.js";
import { levelKey } from "./scale.js";
import { riskTerms, staticRisk } from "./risk_terms.js";
import { LEVEL_WORDS, LOS_WORDS, T } from "./text.js";
import { told } from "./words.js";
import { unknownWords } from "./zone_words.js";

class ZonePanel extends PageElement {
  static properties = {
    site: { attribute: false }, state: { attribute: false }, cameras: { attribute: false }, zone: { attribute: false }, clock: { attribute: false },
    now: { attribute: false },
  };

  render() {
    const zone = this.site.zones.find((one) => one.id === this.zone);
    if (!zone) return html`<p class="none">${T.noZone}</p>`;
    const { state } = this;
    return html`<section class="zone" aria-labelledby="zone-title">
      <h2 id="zone-title">${zone.name}</h2>
      ${this.#level()}
      ${state ? html`${this.#measures()}${this.#reasons()}` : nothing}
      ${state?.risk ? riskTerms(state.risk) : nothing}
      ${zone.static.length ? staticRisk(zone.static) : nothing}
    </section>`;
  }

  #level() {
    const { state, clock, now } = this;
    const level = state?.level ?? null;
    if (level !== null) {
      return html`<p class="big ${levelKey(level)}"><span class="digit">${level}</span> ${LEVEL_WORDS[level]}
        <span class="since">${T.sinceAt(clock.moment(state.since, now))}</span></p>`;
    }
    const { was, because } = unknownWords(state, this.cameras, now, clock);
    return html`<p class="big lx"><span class="digit">?</span> ${T.unknown}
      <span class="since">${was}</span></p><p class="because">${because}</p>`;
  }

  #measures() {
    const { state } = this;
    const rows = [
      [T.people, ranged(state.people, state.people_low, state.people_high)],
      [T.densest, perM2(state.patch_max_per_m2)],
      [T.density, perM2(state.density_per_m2)],
      [T.service_level, state.level_of_service ? `${state.level_of_service}, ${LOS_WORDS[state.level_of_service]}` : "–"],
      [T.occupancy, state.occupancy_share === null ? "–" : T.ofSafe(state.occupancy_share, state.safe_occupancy)],
      [T.inflow, state.net_inflow_per_min === null ? "–" : T.perMinute(signed(state.net_inflow_per_min))],
      [T.timeToCritical, state.time_to_critical ? html`${minutesRange(state.time_to_critical)}<br>
        <span class="where">${told(state.time_to_critical.where_phrase, state.time_to_critical.where)}</span>` : state.net_inflow_per_min === null ? "–" : T.notPositive],
      [T.seen, state.quality === "held" ? `${percent(state.observed_share)}, ${T.held}` : percent(state.observed_share)],
    ];
    return html`<dl>${rows.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`;
  }

  #reasons() {
    const { reasons } = this.state;
    if (!reasons.length) return nothing;
    return html`<h3>${T.riskTitle}</h3><ul class="why">${reasons.map((reason) => html`<li data-reason=${reason.reason}>
      ${this.#reason(reason)}</li>`)}</ul>`;
  }

  #reason(reason) {
    const text = this.clock.said(reason.phrase, reason.text, this.now);
    return html`${text}${saysItsNumbers(reason, text) ? nothing : numbers(reason)}`;
  }
}

function numbers(reason) {
  return html`: <b>${decimal(reason.value)}</b> ${unitWords(reason.unit)}${
    reason.threshold === null ? nothing : html` <span class="limit">${T.threshold} ${decimal(reason.threshold)}</span>`}`;
}

const perM2 = (value) => (value === null ? "–" : T.perM2(decimal(value, 2)));

function signed(value) {
  return `${value > 0 ? "+" : value < 0 ? "−" : ""}${count(Math.abs(value))}`;
}

customElements.define("esp-zone-panel", ZonePanel);
