/** Right column: zones with the selected one explained, cameras, hub. */

import { html } from "lit";
import "./cameras.js";
import { PageElement } from "./element.js";
import "./hub_panel.js";
import { T } from "./text.js";
import "./zone_list.js";
import "./zone_panel.js";

const TABS = ["zones", "cameras", "hub"];

class Side extends PageElement {
  static properties = {
    site: { attribute: false }, state: { attribute: false }, zone: { attribute: false }, camera: { attribute: false },
    tab: { attribute: false }, clock: { attribute: false }, now: { attribute: false },
  };

  render() {
    return html`<section class="side">
      <div role="tablist" class="tabs">${TABS.map((tab) => html`<button role="tab" id="tab-${tab}" aria-controls="panel"
        aria-selected=${tab === this.tab} tabindex=${tab === this.tab ? 0 : -1} @keydown=${this.#arrow}
        @click=${() => this.tell("show-tab", { tab })}>${T[tab]}</button>`)}</div>
      <div role="tabpanel" id="panel" aria-labelledby="tab-${this.tab}" tabindex="-1">${this.#panel()}</div>
    </section>`;
  }

  #panel() {
    const { site, state, clock, now } = this;
    if (this.tab === "cameras") {
      return html`<esp-cameras .site=${site} .cameras=${state.cameras} .selected=${this.camera} .clock=${clock} .now=${now}></esp-cameras>`;
    }
    if (this.tab === "hub") return html`<esp-hub-panel .hub=${state.hub} .site=${site} .clock=${clock} .now=${now}></esp-hub-panel>`;
    return html`
      <esp-zone-list .site=${site} .zones=${state.zones} .cameras=${state.cameras} .selected=${this.zone} .clock=${clock} .now=${now}></esp-zone-list>
      <esp-zone-panel .site=${site} .state=${state.zones.get(this.zone) ?? null} .cameras=${state.cameras} .zone=${this.zone} .clock=${clock} .now=${now}></esp-zone-panel>`;
  }

  async #arrow(event) {
    const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!by) return;
    const tab = TABS[(TABS.indexOf(this.tab) + by + TABS.length) % TABS.length];
    this.tell("show-tab", { tab });
    await this.updateComplete;
    this.querySelector(`#tab-${tab}`).focus();
  }
}

customElements.define("esp-side", Side);
