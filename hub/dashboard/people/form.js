/** Small parts that the forms about people share. */

import { html, nothing } from "lit";
import { P } from "./text.js";

let number = 0;

/**
 * A labelled field with its rule below, tied together for screen readers.
 * @param {{name: string, label: string, type?: string, value?: string, auto?: string, rule?: string, min?: number,
 *   max?: number, required?: boolean, long?: number}} spec
 */
export function field({ name, label, type = "text", value = "", auto = "off", rule = "", min, max, required = true, long = 200 }) {
  const id = `field-${name}-${(number += 1)}`;
  return html`<div class="field">
    <label for=${id}>${label}</label>
    <input id=${id} name=${name} type=${type} .defaultValue=${value} autocomplete=${auto} maxlength=${long}
      min=${min ?? nothing} max=${max ?? nothing} ?required=${required} aria-describedby=${rule ? `${id}-rule` : nothing}
      autocapitalize="off" spellcheck="false">
    ${rule ? html`<p class="rule" id="${id}-rule">${rule}</p>` : nothing}
  </div>`;
}

/** Shows what stands in the password fields of the same form. */
export function showPassword() {
  return html`<label class="yes"><input type="checkbox" @change=${(event) => {
    for (const one of event.target.form.querySelectorAll("[data-secret], input[type='password']")) {
      one.dataset.secret = "";
      one.type = event.target.checked ? "text" : "password";
    }
  }}> ${P.show}</label>`;
}

/** Boxes to tick. @param {[string, string][]} options value and words @param {Set<string>|string[]} ticked */
export function boxes(name, legend, options, ticked = []) {
  const on = new Set(ticked);
  return html`<fieldset><legend>${legend}</legend><div class="choices">${options.map(([value, label]) => html`
    <label><input type="checkbox" name=${name} value=${value} .defaultChecked=${on.has(value)}> ${label}</label>`)}</div></fieldset>`;
}

/** What a refusal or a success says, read out when it changes. */
export function said(problem, good = "") {
  return html`<div role="alert">${problem ? html`<p class="problem">${problem}</p>` : nothing}</div>
    <div role="status">${good ? html`<p class="good">${good}</p>` : nothing}</div>`;
}

/** A secret that is shown this once. */
export function once(why, secret, done) {
  const copy = async (event) => {
    const button = event.currentTarget;
    try {
      await navigator.clipboard.writeText(secret);
      button.textContent = P.copied;
    } catch {
      button.parentElement.previousElementSibling.querySelector("input").select();
    }
  };
  return html`<section class="once" role="status"><p>${why}</p>
    <p><input class="secret" readonly aria-label=${why} .value=${secret} @focus=${(event) => event.target.select()}></p>
    <p class="buttons"><button type="button" class="main" @click=${copy}>${P.copy}</button>
      <button type="button" @click=${done}>${P.done}</button></p></section>`;
}

/** The values of a form, text trimmed except passwords. */
export function valuesOf(form) {
  const found = {};
  for (const [name, value] of new FormData(form)) found[name] = name.startsWith("password") ? value : value.trim();
  return found;
}
