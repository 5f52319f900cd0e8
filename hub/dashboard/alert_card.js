/** One alert: what, where, since when, the number that made it, and what can be done about it. */

import { html, nothing } from "lit";
import { when } from "lit/directives/when.js";
import "./alert_course.js";
import "./cap/release.js";
import { PageElement } from "./element.js";
import { duration, figure, toMs, unitWords } from "./format.js";
import { placeBesideTitle, saysItsNumbers } from "./places.js";
import { aside, waits } from "./scale.js";
import { severitySign } from "./signs.js";
import { who } from "./people/who.js";
import { CONDITION_WORDS, T } from "./text.js";
import { videoLink } from "./video.js";
import { told } from "./words.js";

const STATIC = "static.";
/** One vehicle is enough: its number says nothing at a glance, the sentence does. */
const COUNTED = new Set(["vehicles"]);

class AlertCard extends PageElement {
  static properties = {
    alert: { attribute: false }, site: { attribute: false }, cameras: { attribute: false }, clock: { attribute: false },
    now: { attribute: false }, selected: { attribute: false }, opened: { attribute: false }, stale: { attribute: false },
  };

  render() {
    const { alert } = this;
    const id = `alert-${alert.alert}`;
    const kind = [alert.severity, waits(alert) ? "waits" : "", aside(alert) ? "aside" : "", alert.condition];
    return html`<article class="card ${kind.join(" ")} ${this.selected ? "selected" : ""}" tabindex="0" data-alert=${alert.alert}
        data-rule=${alert.rule} data-severity=${alert.severity} data-handling=${alert.handling} data-condition=${alert.condition}
        aria-labelledby=${id} aria-current=${this.selected ? "true" : nothing}
        @click=${this.#select} @focusin=${this.#select}>
      <div class="line">${severitySign(alert.severity)}
        <span class="condition">${CONDITION_WORDS[alert.condition]}</span>
        <span class="age">${duration((this.now - toMs(alert.opened_at)) / 1000)}</span></div>
      <div class="title"><h3 id=${id}>${told(alert.title_phrase, alert.title)}</h3>
        <button class="quiet details" aria-expanded=${this.opened ? "true" : "false"} aria-controls="${id}-more"
          @click=${() => this.tell("toggle-alert", { alert: alert.alert })}>${this.opened ? T.shut : T.open}</button></div>
      <p class="place">${this.#where()}${T.sinceAt(this.clock.moment(alert.opened_at, this.now))}
        ${alert.escalation ? html`<span class="escalated">${T.escalated(alert.escalation)}</span>` : nothing}</p>
      ${this.#number()}
      ${this.#handling()}
      <div class="buttons">${this.#buttons()}</div>
      ${when(this.opened, () => html`<div class="more" id="${id}-more">${this.#more()}</div>`)}
    </article>`;
  }

  #select = () => {
    if (!this.selected) this.tell("select-alert", { alert: this.alert.alert });
  };

  #do(what) {
    return () => this.tell("do", { what, alert: this.alert });
  }

  get reasons() {
    return this.alert.reasons.filter((reason) => !reason.reason.startsWith(STATIC));
  }

  #where() {
    const place = placeBesideTitle(this.site, this.alert);
    return place ? `${place}, ` : "";
  }

  #number() {
    const first = this.reasons.find((reason) => reason.value !== null) ?? this.reasons[0];
    if (!first) return nothing;
    if (COUNTED.has(first.unit)) return html`<p class="first-reason"><span class="words plain">${this.#said(first)}</span></p>`;
    return html`<p class="first-reason">${first.value === null ? nothing : html`<span class="figure">${figure(first.value)}
      <span class="unit">${unitWords(first.unit)}</span></span>`}<span class="words">${this.#said(first)}
      ${first.threshold === null || saysItsNumbers(first, this.#said(first)) ? nothing : html`<span class="limit">${T.threshold} ${figure(first.threshold)} ${unitWords(first.unit)}</span>`}</span></p>`;
  }

  #handling() {
    const { alert, clock, now } = this;
    const lines = [];
    if (alert.acknowledged_by && alert.acknowledged_at) {
      lines.push(T.acknowledgedBy(alert.acknowledged_by, clock.moment(alert.acknowledged_at, now)));
    }
    if (alert.handling === "shelved" && alert.shelved_until) lines.push(T.shelvedUntil(clock.moment(alert.shelved_until, now)));
    if (alert.handling === "out_of_service") lines.push(T.outOfService);
    if (alert.cleared_at) lines.push(T.returnedAt(clock.moment(alert.cleared_at, now)));
    if (alert.latched) lines.push(T.latched);
    return lines.length ? html`<p class="handling">${lines.join(" · ")}</p>` : nothing;
  }

  #buttons() {
    const { alert, stale } = this;
    return html`
      ${alert.handling === "unacknowledged"
        ? html`<button class="main acknowledge" ?disabled=${stale || !who.may("alert.handle")} title=${who.reason("alert.handle")} @click=${this.#do("acknowledge")} aria-keyshortcuts="a">${T.acknowledge}</button>`
        : nothing}
      ${videoLink(alert.vms_url, T.look, "button look")}
      ${alert.handling === "unacknowledged" && who.reason("alert.handle") ? html`<p class="may-not">${who.reason("alert.handle")}</p>` : nothing}`;
  }

  #more() {
    const { alert } = this;
    const moved = alert.reasons.filter((reason) => reason.reason.startsWith(STATIC));
    return html`
      ${alert.advice.length ? html`<h4>${T.advice}</h4><ul class="advice">${alert.advice.map((line, i) => html`<li>${told(alert.advice_phrases?.[i], line)}</li>`)}</ul>` : nothing}
      <h4>${T.why}</h4>${this.#table(this.reasons, "reasons")}
      ${moved.length ? html`<h4>${T.moved}</h4>${this.#table(moved, "reasons static")}` : nothing}
      <h4>${T.certainty}</h4><p class="certainty">${this.#said({ phrase: alert.certainty_phrase, text: alert.certainty })}</p>
      ${alert.cameras.length ? html`<h4>${T.seenBy}</h4><ul class="seen">${alert.cameras.map((id) => this.#camera(id))}</ul>` : nothing}
      <div class="buttons">${this.#rarer()}</div>
      ${this.site.has_cap ? html`<esp-release .alert=${alert} .clock=${this.clock} .now=${this.now} .stale=${this.stale}></esp-release>` : nothing}
      <esp-alert-course .alert=${alert} .clock=${this.clock} .now=${this.now}></esp-alert-course>
      <p class="rule">${T.rule}: ${alert.rule}</p>`;
  }

  /** What the hub said, in the language of now, times on the site's clock. @param {{phrase, text}} one */
  #said(one) {
    return this.clock.said(one.phrase, one.text, this.now);
  }

  #table(reasons, cssClass) {
    return html`<table class=${cssClass}><tbody>${reasons.map((reason) => html`<tr data-reason=${reason.reason}>
      <th scope="row" colspan=${reason.value === null ? 3 : 1}>${this.#said(reason)}${reason.sources.length ? html`<span class="sources">${reason.sources.join(", ")}</span>` : nothing}</th>
      ${reason.value === null ? nothing : html`<td class="number">${figure(reason.value)} <span class="unit">${unitWords(reason.unit)}</span></td>
        <td class="limit">${reason.threshold === null ? "" : `${T.threshold} ${figure(reason.threshold)}`}</td>`}</tr>`)}</tbody></table>`;
  }

  #camera(id) {
    const camera = this.cameras.get(id);
    return html`<li>${camera?.name ?? id} ${videoLink(camera?.vms_url, T.video, "video")}</li>`;
  }

  #rarer() {
    const { alert, stale } = this;
    const held = alert.severity === "high" && alert.condition !== "returned";
    const handle = who.may("alert.handle");
    const service = who.may("rule.out-of-service") || who.may("rule.high-off");
    return html`
      ${!handle ? nothing : alert.handling === "shelved"
        ? html`<button ?disabled=${stale} @click=${this.#do("unshelve")}>${T.unshelve}</button>`
        : html`<button ?disabled=${stale || held} title=${held ? T.highNotShelved : ""} @click=${this.#do("shelve")}>${T.shelve}</button>`}
      ${handle ? html`<button ?disabled=${stale} @click=${this.#do("close")}>${T.close}</button>` : nothing}
      ${alert.rule.startsWith("vehicle.") && who.may("permit.grant") ? html`<button ?disabled=${stale} @click=${this.#do("permit")}>${T.permit}</button>` : nothing}
      ${service ? html`<button ?disabled=${stale} @click=${this.#do("service")}>${T.service}</button>` : nothing}`;
  }
}

customElements.define("esp-alert-card", AlertCard);
