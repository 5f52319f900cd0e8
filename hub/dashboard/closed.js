/** Alerts closed lately, for the handover of a shift; read only while it is open. */

import { html, nothing } from "lit";
import { api } from "./api.js";
import { PageElement } from "./element.js";
import { placeName } from "./places.js";
import { severitySign } from "./signs.js";
import { T } from "./text.js";
import { told } from "./words.js";

const SHOWN = 20;
const READ_EVERY_MS = 10_000;

class Closed extends PageElement {
  static properties = {
    site: { attribute: false }, clock: { attribute: false }, now: { attribute: false },
    alerts: { state: true }, problem: { state: true },
  };

  constructor() {
    super();
    this.alerts = null;
    this.problem = null;
    this.timer = null;
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    clearInterval(this.timer);
  }

  render() {
    return html`<details class="closed" @toggle=${this.#toggle}><summary>${T.closedLately}</summary>
      ${this.problem ? html`<p class="problem">${this.problem}</p>` : nothing}
      ${this.alerts?.length === 0 ? html`<p class="none">${T.closedNone}</p>` : nothing}
      ${this.alerts?.length ? html`<ol>${this.alerts.map((alert) => this.#row(alert))}</ol>` : nothing}</details>`;
  }

  #row(alert) {
    const place = placeName(this.site, alert);
    const what = alert.disposition ? ` · ${closedAs(alert.disposition)}` : "";
    return html`<li>${severitySign(alert.severity)} <b>${told(alert.title_phrase, alert.title)}</b>
      <span class="sources">${place} · ${this.clock.moment(alert.opened_at, this.now)} – ${this.clock.moment(alert.closed_at, this.now)}${what}</span>
      ${alert.disposition ? nothing : html`<button class="quiet" @click=${() => this.tell("do", { what: "close", alert })}>${T.disposition}</button>`}</li>`;
  }

  #toggle(event) {
    clearInterval(this.timer);
    if (!event.target.open) return;
    this.#load();
    this.timer = setInterval(() => this.#load(), READ_EVERY_MS);
  }

  async #load() {
    try {
      this.alerts = (await api.closedAlerts(SHOWN)).alerts;
      this.problem = null;
    } catch (error) {
      this.problem = error.message;
    }
  }
}

customElements.define("esp-closed", Closed);

/** "false: a bin cart" in the words of now; the cause is as a person wrote it. */
function closedAs(disposition) {
  const [what, ...cause] = disposition.split(": ");
  const words = T.dispositions[what] ?? what;
  return cause.length ? T.closedAs(words, cause.join(": ")) : words;
}
