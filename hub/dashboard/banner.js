/** What is wrong with the page, the hub or the ground under its judgement, across the whole width. */

import { html, nothing } from "lit";
import { channelsDown } from "./deliveries.js";
import { PageElement } from "./element.js";
import { duration } from "./format.js";
import { P } from "./people/text.js";
import { who } from "./people/who.js";
import { settings } from "./settings.js";
import { T } from "./text.js";
import { told } from "./words.js";

class Banner extends PageElement {
  static properties = {
    feed: { attribute: false }, tick: { attribute: false }, site: { attribute: false }, clock: { attribute: false },
  };

  render() {
    return html`${this.#stale()}${this.#hub()}${this.#assessment()}`;
  }

  #stale() {
    const { feed, clock } = this;
    if (feed.ended) {
      return html`<p class="banner dead" role="alert"><strong>${P.overTitle}</strong>
        <span>${P.overWhy} ${settings.get("sound") ? P.overSound : ""}</span> <a class="button" href="/login#over">${P.signIn}</a></p>`;
    }
    if (feed.phase === "live") return nothing;
    if (feed.phase === "connecting") return html`<p class="banner note" role="status">${T.connecting}</p>`;
    const never = feed.state.seq === null;
    return html`<p class="banner dead" role="alert">
      <strong>${T.stale(duration(feed.silentMs / 1000))}</strong>
      <span>${never ? T.staleNever : T.staleFrom(clock.time(feed.lastHeard))}
      ${T.retrying(Math.max(1, feed.attempts))}</span></p>`;
  }

  #hub() {
    const { hub } = this.feed.state;
    if (!hub) return nothing;
    const lines = [];
    if (hub.broker !== "connected") {
      lines.push(T.brokerBanner(this.clock.time(hub.broker_since), hub.broker_problem && told(hub.broker_problem_phrase, hub.broker_problem)));
    }
    if (hub.faults) lines.push(T.faultBanner(hub.faults));
    if (hub.database !== "ok") lines.push(T.databaseBanner(told(hub.database_phrase, hub.database)));
    lines.push(...channelsDown(hub));
    return lines.map((line) => html`<p class="banner broken" role="alert">${line}</p>`);
  }

  #assessment() {
    const { assessment } = this.site;
    const notes = who.open ? [P.openBanner] : [];
    if (this.feed.state.hub?.clock === "media") notes.push(T.media);
    if (!assessment) notes.push(T.noAssessment);
    else if (assessment.synthetic) notes.push(T.synthetic);
    return notes.length ? html`<p class="banner note">${notes.join(" ")}</p>` : nothing;
  }
}

customElements.define("esp-banner", Banner);
