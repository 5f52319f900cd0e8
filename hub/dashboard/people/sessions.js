/** One's sessions: where one is signed in, and ending that. */

import { html, nothing } from "lit";
import { api } from "../api.js";
import { said } from "./form.js";
import { Panel } from "./panel.js";
import { P } from "./text.js";

class Sessions extends Panel {
  async fetch() {
    return (await api.sessions()).sessions;
  }

  render() {
    const all = this.found ?? [];
    return html`${said(this.problem, this.good)}
      <ul class="rows">${all.map((one) => html`<li data-session=${one.id}>
        <div><b>${browserOf(one.browser)}</b> ${one.is_this ? html`<span class="tag">${P.thisSession}</span>` : nothing}
          <span class="sources">${one.address} · ${P.sessionLine(this.at(one.began_at), this.at(one.seen_at))}</span></div>
        ${one.is_this ? nothing : html`<button type="button" ?disabled=${this.busy} @click=${() => this.run(() => api.endSession(one.id))}>${P.endSession}</button>`}
      </li>`)}</ul>
      ${all.length > 1 ? html`<p><button type="button" ?disabled=${this.busy} @click=${() => this.run(() => api.endOtherSessions())}>${P.endOthers}</button></p>`
        : html`<p class="none">${P.noSessions}</p>`}`;
  }
}

/** "Firefox, Linux" of what a browser says of itself. */
export function browserOf(agent) {
  const name = [["Edg/", "Edge"], ["OPR/", "Opera"], ["Firefox/", "Firefox"], ["Chrome/", "Chrome"], ["Safari/", "Safari"]].find(([mark]) => agent.includes(mark));
  const system = [["Android", "Android"], ["iPhone", "iPhone"], ["iPad", "iPad"], ["Windows", "Windows"], ["Mac OS", "macOS"], ["Linux", "Linux"]].find(([mark]) => agent.includes(mark));
  return [name?.[1], system?.[1]].filter(Boolean).join(", ") || agent.slice(0, 60) || "–";
}

customElements.define("esp-sessions", Sessions);
