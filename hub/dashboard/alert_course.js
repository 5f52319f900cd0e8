/** What happened to one alert so far, and whether it was delivered; read when the card is opened. */

import { html, nothing } from "lit";
import { api } from "./api.js";
import { deliveryList } from "./deliveries.js";
import { PageElement } from "./element.js";
import { CONDITION_WORDS, HANDLING_WORDS, T } from "./text.js";

class AlertCourse extends PageElement {
  static properties = {
    alert: { attribute: false }, clock: { attribute: false }, now: { attribute: false },
    record: { state: true }, problem: { state: true },
  };

  constructor() {
    super();
    this.record = null;
    this.problem = null;
    this.read = null;
  }

  updated() {
    const version = `${this.alert.alert} ${this.alert.changed_at} ${this.alert.handling} ${this.alert.condition}`;
    if (version === this.read) return;
    this.read = version;
    this.#load();
  }

  async #load() {
    try {
      this.record = await api.alert(this.alert.alert);
      this.problem = null;
    } catch (error) {
      this.problem = error.message;
    }
  }

  render() {
    if (this.problem) return html`<p class="problem">${this.problem}</p>`;
    if (!this.record) return nothing;
    const { transitions, deliveries } = this.record;
    return html`
      ${transitions.length ? html`<h4>${T.course}</h4><ol class="course">${transitions.map((step) => this.#step(step))}</ol>` : nothing}
      ${deliveryList(deliveries, this.clock, this.now)}`;
  }

  #step(step) {
    const who = step.by ? ` (${step.by})` : "";
    return html`<li><time>${this.clock.moment(step.at, this.now)}</time> ${CONDITION_WORDS[step.alert.condition]},
      ${HANDLING_WORDS[step.alert.handling]}${who}</li>`;
  }
}

customElements.define("esp-alert-course", AlertCourse);
