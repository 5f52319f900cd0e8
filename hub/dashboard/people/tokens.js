/** One's API tokens: made, shown once, revoked. */

import { html, nothing } from "lit";
import { api } from "../api.js";
import { boxes, field, once, said, valuesOf } from "./form.js";
import { Panel } from "./panel.js";
import { P } from "./text.js";
import { who } from "./who.js";

const DAYS = 90;
const DAYS_MAX = 366;

class Tokens extends Panel {
  static properties = { made: { state: true } };

  constructor() {
    super();
    this.made = null;
  }

  async fetch() {
    return api.tokens();
  }

  render() {
    const { tokens: all = [], scopes = [] } = this.found ?? {};
    return html`<p class="rule">${P.tokensWhy}</p>${said(this.problem, this.good)}
      ${this.made ? once(P.tokenOnce, this.made, () => (this.made = null)) : nothing}
      ${all.length ? html`<ul class="rows">${all.map((one) => this.#row(one))}</ul>` : html`<p class="none">${P.noTokens}</p>`}
      <details><summary>${P.makeToken}</summary><form class="plain" @submit=${this.#make}>
        ${field({ name: "name", label: P.tokenName, long: 80 })}
        ${field({ name: "days", label: P.tokenDays, type: "number", value: String(DAYS), min: 1, max: DAYS_MAX })}
        ${boxes("scopes", P.tokenScopes, scopes.map((scope) => [scope, who.table.get(scope)?.words ?? scope]))}
        <div class="buttons"><button class="main" ?disabled=${this.busy}>${P.makeToken}</button></div></form></details>`;
  }

  #row(one) {
    return html`<li data-token=${one.id}><div><b>${one.name}</b> <code>${one.begin}…</code>
      ${one.state === "in use" ? nothing : html`<span class="tag">${P.tokenState[one.state]}</span>`}
      <span class="sources">${P.tokenLine(this.at(one.created_at), this.at(one.until))} · ${one.used_at ? P.tokenUsed(this.at(one.used_at)) : P.tokenUnused}</span>
      <span class="sources">${one.scopes.map((scope) => who.table.get(scope)?.words ?? scope).join("; ")}</span></div>
      ${one.state === "in use" ? html`<button type="button" ?disabled=${this.busy} @click=${() => this.run(() => api.revokeToken(one.id))}>${P.revoke}</button>` : nothing}</li>`;
  }

  #make = async (event) => {
    event.preventDefault();
    const form = event.target;
    const given = valuesOf(form);
    const scopes = new FormData(form).getAll("scopes");
    const answer = await this.run(() => api.makeToken({ name: given.name, days: Number(given.days), scopes }));
    if (!answer) return;
    this.made = answer.secret;
    form.reset();
    form.closest("details").open = false;
  };
}

customElements.define("esp-tokens", Tokens);
