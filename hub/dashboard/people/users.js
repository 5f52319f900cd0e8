/** Administrators' page: everybody, with invitations, roles, links, sessions, and shutting somebody out. */

import { html, nothing } from "lit";
import { api } from "../api.js";
import { boxes, field, once, said, valuesOf } from "./form.js";
import { Panel } from "./panel.js";
import { P } from "./text.js";
import { rolesInWords, who } from "./who.js";

const ROLES = ["viewer", "operator", "supervisor", "assessor", "technician", "administrator", "partner"];

class Users extends Panel {
  static properties = { link: { state: true }, changing: { state: true }, sure: { state: true } };

  constructor() {
    super();
    this.link = null;
    this.changing = null;
    this.sure = null;
  }

  async fetch() {
    return (await api.users()).users;
  }

  render() {
    const all = this.found ?? [];
    return html`${said(this.problem, this.good)}
      ${this.link ? once(P.linkOnce(this.link.name), this.link.url, () => (this.link = null)) : nothing}
      <details><summary>${P.invite}</summary><form class="plain" @submit=${this.#invite}>
        ${field({ name: "login", label: P.login, rule: P.loginRule, long: 80 })}
        ${field({ name: "display", label: P.display, long: 80 })}
        ${this.#rolesAndSites(["operator"], null)}
        <div class="buttons"><button class="main" ?disabled=${this.busy}>${P.inviteDo}</button></div></form></details>
      ${this.found && !all.length ? html`<p class="none">${P.noUsers}</p>` : nothing}
      <ul class="rows users">${all.map((one) => this.#row(one))}</ul>
      ${this.#mayTable()}`;
  }

  #rolesAndSites(roles, sites) {
    return html`${boxes("roles", P.roles, ROLES.map((role) => [role, P.role[role]]), roles)}
      ${field({ name: "sites", label: P.sites, rule: P.sitesHint, value: (sites ?? []).join(", "), required: false, long: 1000 })}`;
  }

  #row(one) {
    const mine = one.login === who.me?.login;
    const marks = [
      mine && P.isYou, one.state === "disabled" && P.disabled, one.state === "invited" && P.invited, one.elsewhere && P.outside,
    ].filter(Boolean);
    return html`<li data-user=${one.login} data-state=${one.state} class=${one.state === "disabled" ? "off" : ""}><article aria-label=${one.display}>
      <h3>${one.display} ${marks.map((mark) => html`<span class="tag">${mark}</span>`)}</h3>
      <p class="sources">${one.login} · <b>${rolesInWords(one.roles)}</b> · ${P.sites}: ${one.sites === null ? P.allSites : one.sites.join(", ") || "–"}</p>
      ${this.changing === one.login ? this.#form(one) : nothing}
      ${this.sure?.login === one.login ? html`<p class="problem">${this.sure.words}</p><div class="buttons">
          <button type="button" class="main" ?disabled=${this.busy} @click=${this.#surely}>${P.sure}</button>
          <button type="button" @click=${() => (this.sure = null)}>${P.cancel}</button></div>` : nothing}
      ${this.changing === one.login || this.sure?.login === one.login ? nothing : html`<div class="buttons">
        <button type="button" @click=${() => (this.changing = one.login)}>${P.change}</button>
        ${one.state === "disabled" ? html`<button type="button" ?disabled=${this.busy} @click=${() => this.run(() => api.enableUser(one.login))}>${P.enable}</button>` : html`
          <button type="button" ?disabled=${this.busy} @click=${() => this.#newLink(one)}>${one.state === "active" ? P.resetLink : P.inviteLink}</button>
          <button type="button" @click=${() => (this.sure = { login: one.login, words: P.endSure(one.display), send: () => api.endSessionsOf(one.login) })}>${P.endSessions}</button>
          ${mine ? nothing : html`<button type="button" @click=${() => (this.sure = { login: one.login, words: P.disableSure(one.display), send: () => api.disableUser(one.login) })}>${P.disable}</button>`}`}
      </div>`}</article></li>`;
  }

  #form(one) {
    return html`<form class="plain" @submit=${(event) => this.#change(event, one)}>
      ${field({ name: "display", label: P.display, value: one.display, long: 80 })}
      ${this.#rolesAndSites(one.roles, one.sites)}
      <div class="buttons"><button class="main" ?disabled=${this.busy}>${P.changeDo}</button>
        <button type="button" @click=${() => (this.changing = null)}>${P.cancel}</button></div></form>`;
  }

  #mayTable() {
    return html`<details><summary>${P.rolesMay}</summary><div class="scroll"><table class="may-table"><thead><tr><td></td>${ROLES.map((role) => html`<th scope="col">${P.role[role]}</th>`)}</tr></thead>
      <tbody>${[...who.table.values()].map((row) => html`<tr><th scope="row">${row.words}${row.approved_by.length
        ? html`<span class="sources">${P.mayTwo}: ${rolesInWords(row.approved_by)}</span>` : nothing}</th>
        ${ROLES.map((role) => html`<td>${row.roles.includes(role) ? "●" : ""}</td>`)}</tr>`)}</tbody></table></div></details>`;
  }

  #given(form) {
    const given = valuesOf(form);
    const roles = new FormData(form).getAll("roles");
    if (!roles.length) {
      this.problem = P.needRole;
      return null;
    }
    const sites = given.sites.split(/[\s,]+/).filter(Boolean);
    return { display: given.display, roles, sites: sites.length ? sites : null, ...(given.login === undefined ? {} : { login: given.login }) };
  }

  #invite = async (event) => {
    event.preventDefault();
    const form = event.target;
    const given = this.#given(form);
    const answer = given && (await this.run(() => api.invite(given)));
    if (!answer) return;
    this.#showLink(given.display, answer);
    form.reset();
    form.closest("details").open = false;
  };

  async #change(event, one) {
    event.preventDefault();
    const given = this.#given(event.target);
    if (given && (await this.run(() => api.changeUser(one.login, given), P.saved))) this.changing = null;
  }

  async #newLink(one) {
    const answer = await this.run(() => api.linkFor(one.login));
    if (answer) this.#showLink(one.display, answer);
  }

  #showLink(name, answer) {
    this.link = { name, url: answer.link };
  }

  #surely = async () => {
    const { send } = this.sure;
    this.sure = null;
    await this.run(send);
  };
}

customElements.define("esp-users", Users);
