/** What waits for a second person: who asks for what, why, until when; to approve or to refuse. */

import { html, nothing } from "lit";
import { api } from "../api.js";
import { duration, toMs } from "../format.js";
import { settings } from "../settings.js";
import { said } from "./form.js";
import { Panel } from "./panel.js";
import { P } from "./text.js";
import { rolesInWords, who } from "./who.js";

const AGAIN_MS = 5000;
const DECIDED_SHOWN = 10;

class Approvals extends Panel {
  connectedCallback() {
    super.connectedCallback();
    this.timer = setInterval(() => this.busy || this.load(), AGAIN_MS);
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    clearInterval(this.timer);
  }

  async fetch() {
    return (await api.approvals()).approvals;
  }

  render() {
    const all = this.found ?? [];
    const waiting = all.filter((one) => one.state === "waiting");
    const decided = all.filter((one) => one.state !== "waiting").slice(0, DECIDED_SHOWN);
    return html`<p class="rule">${P.approvalsWhy}</p>${said(this.problem, this.good)}
      ${waiting.length ? html`<ul class="rows approvals">${waiting.map((one) => this.#waiting(one))}</ul>` : html`<p class="none">${P.noApprovals}</p>`}
      ${decided.length ? html`<h3>${P.decidedLately}</h3><ul class="rows">${decided.map((one) => this.#decided(one))}</ul>` : nothing}`;
  }

  #waiting(one) {
    const row = who.table.get(one.action);
    const own = one.mine;
    const may = one.may_decide;
    return html`<li data-approval=${one.id}><article aria-label=${one.summary}>
      <h3>${one.summary}</h3>
      <p class="sources">${P.askedBy(one.asked_by, this.at(one.asked_at))} · <b>${P.timeLeft(duration(Math.max(0, (toMs(one.until) - this.now) / 1000)))}</b></p>
      <p><b>${P.why}:</b> ${one.reason}</p>
      ${may ? html`<form class="plain" @submit=${(event) => event.preventDefault()}>
          <div class="field"><label for="why-${one.id}">${P.decision}</label>
            <input id="why-${one.id}" name="why" maxlength="400" autocomplete="off"></div>
          <div class="buttons"><button type="button" class="main" ?disabled=${this.busy} @click=${(event) => this.#decide(event, one, "approve")}>${P.approve}</button>
            <button type="button" ?disabled=${this.busy} @click=${(event) => this.#decide(event, one, "refuse")}>${P.refuse}</button></div></form>`
        : html`<p class="rule">${own ? P.own : P.notYours(rolesInWords(row?.approved_by ?? []))}</p>
          ${own ? html`<div class="buttons"><button type="button" ?disabled=${this.busy} @click=${() => this.run(() => api.withdraw(one.id, byInOpenMode()))}>${P.withdraw}</button></div>` : nothing}`}
    </article></li>`;
  }

  #decided(one) {
    return html`<li data-approval=${one.id} data-state=${one.state}><div>${one.summary}
      <span class="sources"><b>${P.state[one.state] ?? one.state}</b> · ${P.askedBy(one.asked_by, this.at(one.asked_at))}${one.decided_by
        ? ` · ${P.decidedBy(one.decided_by, this.at(one.decided_at))}` : ""}${one.decided_reason ? `: ${one.decided_reason}` : ""}${one.outcome ? ` · ${one.outcome}` : ""}</span></div></li>`;
  }

  async #decide(event, one, verb) {
    const why = event.target.form.elements.why.value.trim();
    await this.run(() => api.decide(one.id, verb, byInOpenMode(), { reason: why, payload_hash: one.payload_hash }));
    this.tell("approvals-changed");
  }
}

/** Where nobody signs in, the name that is typed on the page. */
function byInOpenMode() {
  return who.open ? settings.get("operator") : null;
}

customElements.define("esp-approvals", Approvals);
