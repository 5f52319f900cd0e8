/** On an opened alert: what has left to partners, what would leave, who asked for it and who must approve it. */

import { html, nothing } from "lit";
import { api } from "../api.js";
import { PageElement } from "../element.js";
import { rolesInWords, who } from "../people/who.js";
import { settings } from "../settings.js";
import { C } from "./text.js";

const AGAIN_MS = 5000;

class Release extends PageElement {
  static properties = {
    alert: { attribute: false }, clock: { attribute: false }, now: { attribute: false }, stale: { attribute: false },
    found: { state: true }, problem: { state: true }, good: { state: true }, busy: { state: true },
  };

  constructor() {
    super();
    this.found = null;
    this.problem = null;
    this.good = null;
    this.busy = false;
    this.read = null;
  }

  connectedCallback() {
    super.connectedCallback();
    this.timer = setInterval(() => this.busy || this.#load(), AGAIN_MS);
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    clearInterval(this.timer);
  }

  updated() {
    const version = `${this.alert.alert} ${this.alert.changed_at}`;
    if (version === this.read) return;
    this.read = version;
    this.#load();
  }

  async #load() {
    if (!who.may("cap.look")) return;
    try {
      this.found = await api.cap(this.alert.alert);
      this.problem = null;
    } catch (error) {
      this.problem = error.message;
    }
  }

  render() {
    const { found } = this;
    if (!found) return this.problem ? html`<p class="problem">${this.problem}</p>` : nothing;
    const live = found.releases.find((one) => !one.ended_at);
    return html`<section class="release" aria-label=${C.title} data-status=${found.terms.status}><h4>${C.title}</h4>
      ${this.problem ? html`<p class="problem" role="alert">${this.problem}</p>` : nothing}
      ${found.problem ? html`<p class="problem" role="alert">${found.problem}</p>` : nothing}
      ${this.good ? html`<p role="status">${this.good}</p>` : nothing}
      ${live ? this.#live(live) : this.#notYet(found)}
      ${this.#messages(found.messages)}</section>`;
  }

  #terms(terms) {
    const scope = { Public: () => C.scope.Public, Restricted: () => C.scope.Restricted(terms.restriction), Private: () => C.scope.Private(terms.addresses.join(", ")) };
    return html`<p class="terms"><strong>${C.status[terms.status] ?? terms.status}</strong> · ${scope[terms.scope]()}</p>`;
  }

  #live(one) {
    return html`<p>${C.released(this.#at(one.released_at), one.asked_by, one.approved_by)}</p>
      ${this.#form("withdraw", C.withdrawReason, C.withdraw, (reason, by) => api.capWithdraw(this.alert.alert, by, reason))}`;
  }

  #notYet(found) {
    const { preview, waiting } = found;
    if (waiting) {
      return html`${this.#terms(found.terms)}<p>${C.waits(waiting.asked_by, this.#at(waiting.asked_at))} ${C.mustApprove(rolesInWords(waiting.approved_by))}</p>
        ${preview ? this.#preview(preview) : nothing}`;
    }
    if (!preview) return html`<p class="rule">${found.refusal}: ${found.do}</p>`;
    return html`<p>${C.notReleased}</p>${this.#terms(found.terms)}${this.#preview(preview)}
      ${this.#form("ask", C.reason, C.ask, async (reason, by) => {
        await api.capAsk(this.alert.alert, by, found.terms.hash, reason);
        this.good = C.asked;
        this.tell("approvals-changed");
      })}`;
  }

  #preview(preview) {
    return html`<details class="preview"><summary>${C.preview}</summary>
      ${preview.words.map((one) => html`<div lang=${one.language}><h5>${one.headline}</h5><p>${one.description}</p><p>${one.instruction}</p></div>`)}
      <details><summary>${C.document}</summary><pre tabindex="0">${preview.document}</pre></details></details>`;
  }

  #messages(messages) {
    if (!messages.length) return nothing;
    return html`<ol class="course">${messages.map((one) => html`<li data-change=${one.change}><time>${this.#at(one.sent_at)}</time>
      <strong>${one.status}</strong> ${C.kind[one.msg_type] ?? one.msg_type}: ${C.change[one.change] ?? one.change}</li>`)}</ol>`;
  }

  #form(name, label, button, run) {
    if (!who.may("cap.release")) return nothing;
    const id = `${name}-${this.alert.alert}`;
    return html`<form class="plain" data-do=${name} @submit=${(event) => this.#submit(event, run)}>
      <div class="field"><label for=${id}>${label}</label><input id=${id} name="reason" maxlength="400" required autocomplete="off"></div>
      <div class="buttons"><button ?disabled=${this.busy || this.stale}>${button}</button></div></form>`;
  }

  async #submit(event, run) {
    event.preventDefault();
    const form = event.target;
    this.busy = true;
    this.good = null;
    try {
      await run(form.elements.reason.value.trim(), who.open ? settings.get("operator") : null);
      form.reset();
      await this.#load();
    } catch (error) {
      this.problem = error.message;
    } finally {
      this.busy = false;
    }
  }

  #at(instant) {
    return this.clock.moment(instant, this.now);
  }
}

customElements.define("esp-release", Release);
