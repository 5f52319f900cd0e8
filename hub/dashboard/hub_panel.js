/** The hub itself: broker, database, counts, agents and what was refused. */

import { html, nothing } from "lit";
import { api } from "./api.js";
import { PageElement } from "./element.js";
import { count } from "./format.js";
import { AGENT_WORDS, STATUS_WORDS, T } from "./text.js";
import { told } from "./words.js";

const READ_EVERY_MS = 5000;
const REFUSALS_SHOWN = 20;

class HubPanel extends PageElement {
  static properties = {
    hub: { attribute: false }, site: { attribute: false }, clock: { attribute: false }, now: { attribute: false },
    devices: { state: true }, problem: { state: true },
  };

  constructor() {
    super();
    this.devices = null;
    this.problem = null;
  }

  connectedCallback() {
    super.connectedCallback();
    this.#load();
    this.timer = setInterval(() => this.#load(), READ_EVERY_MS);
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    clearInterval(this.timer);
  }

  async #load() {
    try {
      this.devices = await api.devices();
      this.problem = null;
    } catch (error) {
      this.problem = error.message;
    }
  }

  render() {
    const { hub, clock, now } = this;
    if (!hub) return nothing;
    const rows = [
      [T.broker, hub.broker === "connected" ? T.brokerOk : T.brokerLost],
      [T.database, hub.database === "ok" ? T.databaseOk : told(hub.database_phrase, hub.database)],
      [T.readings, count(hub.readings)],
      [T.duplicates, count(hub.duplicates)],
      [T.late, count(hub.late)],
      [T.refused, count(hub.refused)],
      ...(hub.faults ? [[T.faults, count(hub.faults)]] : []),
      [T.started, clock.moment(hub.started_at, now)],
      [T.version, hub.version],
    ];
    return html`<section class="hub">
      <dl>${rows.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>
      ${this.problem ? html`<p class="problem">${this.problem}</p>` : nothing}
      ${this.#assessment()}
      ${this.devices ? html`${this.#agents()}${this.#refusals()}` : nothing}</section>`;
  }

  #assessment() {
    const { assessment } = this.site;
    if (!assessment) return html`<p class="none">${T.noAssessment}</p>`;
    return html`<h3>${T.assessment}</h3><p>${T.assessmentLine(assessment.id, String(assessment.version), STATUS_WORDS[assessment.status] ?? assessment.status)}</p>
      <ul class="agents">${(assessment.warnings ?? []).map((line, i) => html`<li>${told(assessment.warning_phrases?.[i], line)}</li>`)}</ul>`;
  }

  #agents() {
    return html`<h3>${T.agents}</h3><ul class="agents">${this.devices.agents.map((agent) => html`<li data-agent=${agent.agent}>
      <b>${agent.agent}</b> ${AGENT_WORDS[agent.state] ?? agent.state}, ${agent.version}${agent.since ? `, ${T.sinceAt(this.clock.moment(agent.since, this.now))}` : ""}
      <span class="sources">${agent.cameras.join(", ")}</span></li>`)}</ul>`;
  }

  #refusals() {
    const { by_reason: byReason, latest } = this.devices.refusals;
    const counts = Object.entries(byReason).sort((a, b) => b[1] - a[1]);
    return html`<h3>${T.refusals}</h3>
      ${counts.length ? html`<ul class="counts">${counts.map(([reason, n]) => html`<li data-reason=${reason}><b>${count(n)}</b> ${reason}</li>`)}</ul>`
        : html`<p class="none">${T.noRefusals}</p>`}
      <ol class="refusals">${latest.slice(0, REFUSALS_SHOWN).map((one) => html`<li><time>${this.clock.moment(one.at, this.now)}</time>
        <b>${one.reason}</b> ${one.detail}<span class="sources">${one.topic}</span></li>`)}</ol>`;
  }
}

customElements.define("esp-hub-panel", HubPanel);
