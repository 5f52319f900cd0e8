/** Oneself: name, roles, what one may do, language, password, signing out. */

import { html, nothing } from "lit";
import { api } from "../api.js";
import { settings } from "../settings.js";
import { words } from "../words.js";
import { field, said, showPassword, valuesOf } from "./form.js";
import { Panel } from "./panel.js";
import { P } from "./text.js";
import { rolesInWords, who } from "./who.js";

const LENGTH_MIN = 12;

class Account extends Panel {
  async fetch() {
    await who.load();
    return who.me;
  }

  render() {
    const { me } = who;
    if (!me) return said(this.problem);
    return html`
      <dl>
        <div><dt>${P.login}</dt><dd>${me.login || "–"}</dd></div>
        <div><dt>${P.roles}</dt><dd>${rolesInWords(me.roles)}</dd></div>
        <div><dt>${P.sites}</dt><dd>${me.sites === null ? P.allSites : me.sites.join(", ")}</dd></div>
      </dl>
      ${said(this.problem, this.good)}
      ${who.open ? html`<p class="problem">${P.openWhy}</p>` : html`${this.#language()}${this.#password()}`}
      <details><summary>${P.mayTitle}</summary><ul class="may">${[...who.table.values()].filter((row) => who.may(row.right)).map((row) => html`
        <li data-right=${row.right}>${row.words}${row.approved_by.length ? html` <span class="sources">${P.mayTwo}</span>` : nothing}</li>`)}</ul></details>
      ${who.open ? nothing : html`<p class="leave"><button type="button" ?disabled=${this.busy} @click=${this.#signOut}>${P.signOut}</button>
        <span class="rule">${P.signOutWhy}</span></p>`}`;
  }

  #language() {
    const { me } = who;
    if (words.languages.length < 2) return nothing;
    return html`<div class="field"><label for="account-language">${P.language}</label>
      <select id="account-language" @change=${(event) => this.#speak(event.target.value || null)}>
        <option value="" ?selected=${!me.language}>${P.languageOfBrowser}</option>
        ${words.languages.map(({ code, name }) => html`<option value=${code} lang=${code} ?selected=${me.language === code}>${name}</option>`)}
      </select></div>`;
  }

  async #speak(language) {
    const done = await this.run(() => api.setLanguage(language), P.saved);
    if (done) settings.set("language", language ?? "");
  }

  #password() {
    const { me } = who;
    if (!me.has_password) return html`<p class="rule">${P.noPassword}</p>`;
    return html`<details><summary>${P.changePassword}</summary><form class="plain" @submit=${this.#change}>
      <input type="hidden" name="username" autocomplete="username" .value=${me.login}>
      ${field({ name: "password-now", label: P.passwordNow, type: "password", auto: "current-password", long: 1024 })}
      ${field({ name: "password-new", label: P.newPassword, type: "password", auto: "new-password", long: 1024, rule: P.passwordRule(LENGTH_MIN) })}
      ${showPassword()}
      <div class="buttons"><button class="main" ?disabled=${this.busy}>${P.changePassword}</button></div></form></details>`;
  }

  #change = async (event) => {
    event.preventDefault();
    const form = event.target;
    const given = valuesOf(form);
    if (await this.run(() => api.setPassword(given["password-now"], given["password-new"]), P.passwordChanged)) form.reset();
  };

  #signOut = async () => {
    this.busy = true;
    try {
      const answer = await api.signOut();
      location.assign(answer?.go ?? "/login#out");
    } catch (error) {
      this.problem = error.message;
      this.busy = false;
    }
  };
}

customElements.define("esp-account", Account);
