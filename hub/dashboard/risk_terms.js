/** The live risk term by term beside the static one, and the static risk by threat. */

import { html } from "lit";
import { decimal, duration } from "./format.js";
import { BAND_WORDS, QUALITY_WORDS, T, TERM_WORDS, THREAT_WORDS } from "./text.js";
import { told } from "./words.js";

/** @param {object} risk ZoneRisk */
export function riskTerms(risk) {
  return html`<h3>${T.risk(THREAT_WORDS[risk.threat] ?? risk.threat)}</h3>
    <p class="risk"><b>${decimal(risk.live)}</b> ${BAND_WORDS[risk.live_band]}
      <span class="limit">${T.assessed} ${decimal(risk.static)} ${BAND_WORDS[risk.static_band]}</span></p>
    <table class="terms"><thead><tr><th scope="col">${T.term}</th><th scope="col">${T.value}</th>
      <th scope="col">${T.reference}</th><th scope="col">${T.without}</th></tr></thead>
    <tbody>${risk.terms.map((term) => html`
      <tr class=${term.quality}><th scope="row">${termWords(term.term)}</th><td>${decimal(term.value)}</td>
        <td>${decimal(term.reference)}</td><td>${decimal(term.without)}</td></tr>
      <tr class="about ${term.quality}"><td colspan="4">${told(term.phrase, term.text)}. <span class="sources">${told(term.source_phrase, term.source)}${
        term.age_s === null ? "" : `, ${T.old(duration(term.age_s))}`}, ${QUALITY_WORDS[term.quality]}</span></td></tr>`)}
    </tbody></table><p class="ranks">${T.riskRanks}</p>`;
}

/** @param {object[]} rows static scores of one zone: threat, t, v0, v, c, r, band */
export function staticRisk(rows) {
  const worstFirst = [...rows].sort((a, b) => b.r - a.r);
  return html`<details><summary>${T.staticTitle}</summary>
    <table class="terms"><thead><tr><th scope="col">${T.threat}</th><th scope="col">T</th><th scope="col">V</th>
      <th scope="col">C</th><th scope="col">R</th></tr></thead>
    <tbody>${worstFirst.map((row) => html`<tr><th scope="row">${THREAT_WORDS[row.threat] ?? row.threat}</th><td>${decimal(row.t, 0)}</td>
      <td>${decimal(row.v)}</td><td>${decimal(row.c, 0)}</td><td>${decimal(row.r)} ${BAND_WORDS[row.band]}</td></tr>`)}</tbody></table>
    <p class="ranks">${T.staticLetters} ${T.riskRanks}</p></details>`;
}

/** "consequence", "measure.bollards". */
function termWords(term) {
  const [kind, ...id] = term.split(".");
  const words = TERM_WORDS[kind];
  return typeof words === "function" ? words(id.join(".")) : (words ?? term);
}
