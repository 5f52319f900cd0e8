/**
 * The dialog about people: oneself, sessions, tokens, approvals, users. It stands over the live page, which goes on:
 * its head says how many alerts wait, and whether the page is still live.
 */

import { html, nothing } from "lit";
import { PageElement } from "../element.js";
import "./account.js";
import "./approvals.js";
import "./sessions.js";
import { P } from "./text.js";
import "./tokens.js";
import "./users.js";
import { who } from "./who.js";

const TABS = [
  ["you", "self.look"],
  ["sessions", "account.own"],
  ["tokens", "tokens.own"],
  ["approvals", "approvals.look"],
  ["users", "users.administer"],
];

class Desk extends PageElement {
  static properties = {
    tab: { state: true }, stale: { attribute: false }, waiting: { attribute: false }, clock: { attribute: false },
    now: { attribute: false },
  };

  constructor() {
    super();
    this.tab = null;
    who.addEventListener("change", () => this.requestUpdate());
  }

  get tabs() {
    return TABS.filter(([name, right]) => who.may(right) && !(who.open && (name === "sessions" || name === "tokens"))).map(([name]) => name);
  }

  /** @param {string} [tab] */
  async show(tab = "you") {
    this.tab = this.tabs.includes(tab) ? tab : this.tabs[0];
    await this.updateComplete;
    const dialog = this.querySelector("dialog");
    if (!dialog.open) dialog.showModal();
    this.querySelector("[role='tab'][aria-selected='true']").focus();
  }

  #close = () => {
    this.querySelector("dialog").close();
    this.tab = null;
  };

  render() {
    const { tab, stale, waiting } = this;
    return html`<dialog class="desk" aria-labelledby="desk-title" @cancel=${this.#close}>${tab === null ? nothing : html`
      <div class="desk-head">
        <h2 id="desk-title">${who.me?.display || P.product}</h2>
        <p class="live-word ${stale ? "bad" : ""}" role="status">${stale ? P.notLive : waiting ? P.waiting(waiting) : P.waitingNone}</p>
        <button class="quiet" @click=${this.#close}>${P.closeSheet}</button>
      </div>
      <div role="tablist" class="tabs" aria-labelledby="desk-title">${this.tabs.map((name) => html`<button role="tab" id="desk-${name}"
        aria-controls="desk-panel" aria-selected=${name === tab} tabindex=${name === tab ? 0 : -1} @keydown=${this.#arrow}
        @click=${() => (this.tab = name)}>${P[name]}</button>`)}</div>
      <div role="tabpanel" id="desk-panel" aria-labelledby="desk-${tab}">${this.#panel()}</div>`}
    </dialog>`;
  }

  #panel() {
    const { clock, now } = this;
    if (this.tab === "sessions") return html`<esp-sessions .clock=${clock} .now=${now}></esp-sessions>`;
    if (this.tab === "tokens") return html`<esp-tokens .clock=${clock} .now=${now}></esp-tokens>`;
    if (this.tab === "approvals") return html`<esp-approvals .clock=${clock} .now=${now}></esp-approvals>`;
    if (this.tab === "users") return html`<esp-users .clock=${clock} .now=${now}></esp-users>`;
    return html`<esp-account></esp-account>`;
  }

  async #arrow(event) {
    const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!by) return;
    const names = this.tabs;
    this.tab = names[(names.indexOf(this.tab) + by + names.length) % names.length];
    await this.updateComplete;
    this.querySelector(`#desk-${this.tab}`).focus();
  }
}

customElements.define("esp-desk", Desk);
