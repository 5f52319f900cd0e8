/** The messages about one alert: who was told, by what, whether it arrived, and who was not told and why. */

import { html, nothing } from "lit";
import { T, DELIVERY_WORDS } from "./text.js";
import { say, sayAs } from "./words.js";

/** @param {object[]} deliveries as /api/v1/alerts/{alert} gives them */
export function deliveryList(deliveries, clock, now) {
  if (!deliveries.length) return nothing;
  return html`<h4>${T.delivery}</h4><ul class="course">${deliveries.map((one) => line(one, (at) => clock.moment(at, now)))}</ul>`;
}

function line(one, moment) {
  const parts = [stateOf(one)];
  if (one.state === "held" && one.held_until) parts.push(say("until {at}", { at: moment(one.held_until) }));
  if (one.attempts > 0) parts.push(T.attempts(one.attempts));
  if (one.duplicates > 0) parts.push(say("possible duplicates: {n}", { n: one.duplicates }));
  if (one.disabled && one.state === "waiting") parts.push(say("the channel is disabled"));
  else if (one.next_try_at) parts.push(T.nextTry(moment(one.next_try_at)));
  const why = one.state === "skipped" ? one.reason : one.last_error;
  return html`<li data-state=${one.state}><time>${moment(one.created_at)}</time>
    ${say("{purpose} to {who}", { purpose: purposeOf(one.purpose), who: one.name || one.recipient })}${one.channel && one.channel !== one.name ? ` (${one.channel})` : ""}:
    ${parts.join(", ")}${why ? html`<span class="sources">${why}</span>` : nothing}</li>`;
}

function stateOf(one) {
  const words = {
    ...DELIVERY_WORDS,
    held: sayAs("delivery", "held for quiet hours"),
    digested: sayAs("delivery", "told in a digest"),
    lapsed: sayAs("delivery", "over before quiet hours ended"),
    skipped: sayAs("delivery", "not told"),
  };
  return words[one.state] ?? one.state;
}

function purposeOf(purpose) {
  const words = {
    alert: sayAs("message", "Alert"),
    escalation: sayAs("message", "Escalation"),
    news: sayAs("message", "News"),
    end: sayAs("message", "End"),
    digest: sayAs("message", "Digest"),
    test: sayAs("message", "Test"),
  };
  return words[purpose] ?? purpose;
}

/** What the banner says of channels that send nothing. */
export function channelsDown(hub) {
  return (hub.channels_down ?? []).map(({ channel, waiting, reason }) =>
    say("Channel {channel} is disabled. Messages that wait for it: {waiting}. {reason}", { channel, waiting, reason }));
}
