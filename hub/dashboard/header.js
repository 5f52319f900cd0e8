/** Top line: site, time, what works and what does not, sound, operator. */

import { html, nothing } from "lit";
import { PageElement } from "./element.js";
import { P } from "./people/text.js";
import { who } from "./people/who.js";
import { T } from "./text.js";

class Header extends PageElement {
  static properties = {
    feed: { attribute: false }, tick: { attribute: false }, site: { attribute: false }, clock: { attribute: false },
    siren: { attribute: false }, sound: { attribute: false }, operator: { attribute: false }, approvals: { attribute: false }, me: { attribute: false },
  };

  render() {
    const { feed, clock, site } = this;
    const stale = feed.phase !== "live";
    const at = feed.hubNow;
    return html`<header>
      <h1>${site.name}</h1>
      <div class="clock" role="timer" aria-live="off">
        ${stale ? html`<span class="heard">${T.lastHeard}</span>` : nothing}
        <time>${clock.time(at)}</time>
        <span class="date">${clock.date(at)} ${clock.zone(at)}</span>
      </div>
      <ul class="health" aria-label=${T.hub}>${this.#health()}</ul>
      ${this.#sound()}
      ${this.approvals ? html`<button class="approvals-wait" @click=${() => this.tell("desk", { tab: "approvals" })}>
        ${P.approvalsWait(this.approvals)}</button>` : nothing}
      ${who.open ? html`<button class="quiet operator" @click=${() => this.tell("do", { what: "operator" })}>
        ${this.operator ? T.operator(this.operator) : T.noOperator}</button>` : nothing}
      ${who.me ? html`<button class="quiet account" aria-haspopup="dialog" aria-label=${P.account(who.me.display || P.openTitle)}
        @click=${() => this.tell("desk", { tab: "you" })}>${who.open ? P.you : who.me.display}</button>` : nothing}
      <button class="quiet" @click=${() => this.tell("do", { what: "settings" })}>${T.settings}</button>
    </header>`;
  }

  #health() {
    const { hub, cameras } = this.feed.state;
    if (!hub) return nothing;
    const all = [...cameras.values()];
    const live = all.filter((camera) => camera.state === "live").length;
    const chip = (ok, words, tab) => html`<li><button class="chip ${ok ? "ok" : "bad"}"
      @click=${() => this.tell("show-tab", { tab })}>${words}</button></li>`;
    return html`
      ${chip(live === all.length, T.camerasLive(live, all.length), "cameras")}
      ${chip(hub.broker === "connected", hub.broker === "connected" ? T.brokerOk : T.brokerLost, "hub")}
      ${chip(hub.database === "ok", hub.database === "ok" ? T.databaseOk : T.databaseBad, "hub")}`;
  }

  #sound() {
    const words = { off: T.soundOff, waiting: T.soundWaiting, on: T.soundOn }[this.sound];
    return html`<button class="sound ${this.sound}" aria-pressed=${this.sound === "on"}
      @click=${() => this.tell("sound")}>
      <svg viewBox="0 0 16 16" aria-hidden="true"><path d="M1 5.5 H4 L8 2 V14 L4 10.5 H1 Z"></path>
      ${this.sound === "on"
        ? html`<svg viewBox="0 0 16 16"><path class="wave" d="M10.5 5 Q12.5 8 10.5 11 M12.7 3.2 Q16 8 12.7 12.8"></path></svg>`
        : html`<svg viewBox="0 0 16 16"><path class="wave" d="M10.5 5.5 L15 10.5 M15 5.5 L10.5 10.5"></path></svg>`}
      </svg>${words}</button>`;
  }
}

customElements.define("esp-header", Header);
