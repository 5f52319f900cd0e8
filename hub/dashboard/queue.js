/** The queue of open alerts, most urgent first. */

import { html, nothing } from "lit";
import { repeat } from "lit/directives/repeat.js";
import "./alert_card.js";
import "./closed.js";
import { PageElement } from "./element.js";
import { waits } from "./scale.js";
import { T } from "./text.js";

/** A press this soon after the order changed may have been meant for the card that stood there before. */
const SETTLE_MS = 400;

class Queue extends PageElement {
  static properties = {
    alerts: { attribute: false }, site: { attribute: false }, cameras: { attribute: false }, zones: { attribute: false },
    clock: { attribute: false }, now: { attribute: false }, selected: { attribute: false }, opened: { attribute: false },
    stale: { attribute: false }, moved: { state: true },
  };

  constructor() {
    super();
    this.order = "";
    this.orderedAt = 0;
    this.moved = false;
    this.focused = null;
    this.addEventListener("click", (event) => this.#guard(event), { capture: true });
  }

  willUpdate() {
    this.focused = this.contains(document.activeElement) ? document.activeElement : null;
    const order = this.alerts.map((alert) => alert.alert).join();
    if (order === this.order) return;
    this.order = order;
    this.orderedAt = performance.now();
  }

  /** A card that moves in the list would lose the focus. */
  updated() {
    if (this.focused?.isConnected && document.activeElement === document.body) this.focused.focus({ preventScroll: true });
  }

  /** Holds back a press of the pointer (detail > 0; keys give 0) when the list has just moved under it. */
  #guard(event) {
    this.moved = event.detail > 0 && performance.now() - this.orderedAt < SETTLE_MS && this.alerts.length > 1;
    if (!this.moved) return;
    event.stopPropagation();
    event.preventDefault();
  }

  render() {
    const waiting = this.alerts.filter(waits).length;
    return html`<section class="queue" aria-labelledby="queue-title">
      <div class="head"><h2 id="queue-title">${T.queue}</h2>
        ${waiting ? html`<span class="waiting">${T.waiting(waiting)}</span>` : nothing}</div>
      ${this.moved ? html`<p class="moved" role="status">${T.movedUnder}</p>` : nothing}
      ${this.alerts.length ? this.#list() : this.#none()}
      <esp-closed .site=${this.site} .clock=${this.clock} .now=${this.now}></esp-closed>
    </section>`;
  }

  #list() {
    return html`<ol>${repeat(this.alerts, (alert) => alert.alert, (alert) => html`<li>
      <esp-alert-card .alert=${alert} .site=${this.site} .cameras=${this.cameras} .clock=${this.clock} .now=${this.now}
        .selected=${alert.alert === this.selected} .opened=${alert.alert === this.opened} .stale=${this.stale}></esp-alert-card>
    </li>`)}</ol>`;
  }

  #none() {
    const blind = this.site.zones.some((zone) => (this.zones.get(zone.id)?.level ?? null) === null);
    return html`<p class="none">${blind ? T.queueEmptyBlind : T.queueEmpty}</p>`;
  }
}

customElements.define("esp-queue", Queue);
