/** One dialog that asks for what an action needs. Native <dialog>: focus stays inside, Escape cancels. */

import { html, nothing } from "lit";
import { PageElement } from "./element.js";
import { T } from "./text.js";

class Ask extends PageElement {
  static properties = { spec: { state: true }, problem: { state: true }, busy: { state: true } };

  constructor() {
    super();
    this.spec = null;
    this.problem = null;
    this.busy = false;
    this.settle = null;
  }

  /**
   * @param {{title: string, subject?: string, why?: string, problem?: string, fields: object[], keys?: string[][],
   *   submit?: string, run?: (values: object) => Promise<void>}} spec a refusal of `run` is shown, and asked again
   * @returns {Promise<object|null>} the values by field name, null when cancelled
   */
  async ask(spec) {
    this.settle?.(null);
    this.spec = spec;
    this.problem = spec.problem ?? null;
    await this.updateComplete;
    const dialog = this.querySelector("dialog");
    dialog.querySelector("form").reset();
    if (!dialog.open) dialog.showModal();
    return new Promise((resolve) => (this.settle = resolve));
  }

  #done(values) {
    const { settle } = this;
    this.settle = null;
    this.querySelector("dialog").close();
    settle?.(values);
  }

  async #submit(event) {
    event.preventDefault();
    const form = event.target;
    const values = Object.fromEntries(this.spec.fields.map((field) => [field.name, valueOf(form, field)]));
    const empty = this.spec.fields.find((field) => field.required && !String(values[field.name] ?? "").trim());
    if (empty) {
      this.problem = T.needed(empty.label);
      return;
    }
    this.busy = true;
    try {
      await this.spec.run?.(values);
      this.#done(values);
    } catch (error) {
      this.problem = error.message;
    } finally {
      this.busy = false;
    }
  }

  render() {
    const spec = this.spec;
    return html`<dialog aria-labelledby="ask-title" @cancel=${() => this.#done(null)}>
      ${spec === null ? nothing : html`<form @submit=${this.#submit} autocomplete="off" novalidate>
        <h2 id="ask-title">${spec.title}</h2>
        ${spec.subject ? html`<p class="subject">${spec.subject}</p>` : nothing}
        ${spec.why ? html`<p class="why">${spec.why}</p>` : nothing}
        ${spec.fields.map((field) => fieldOf(field))}
        ${this.problem ? html`<p class="problem" role="alert">${this.problem}</p>` : nothing}
        ${spec.keys ? keyTable(spec.keys) : nothing}
        <div class="buttons">
          ${spec.submit ? html`<button class="main" type="submit" ?disabled=${this.busy}>${spec.submit}</button>` : nothing}
          <button type="button" @click=${() => this.#done(null)}>${spec.submit ? T.cancel : T.ok}</button>
        </div>
      </form>`}
    </dialog>`;
  }
}

function fieldOf(field) {
  const id = `ask-${field.name}`;
  if (field.type === "yes") {
    return html`<label class="yes"><input type="checkbox" name=${field.name} .defaultChecked=${field.value}> ${field.label}</label>`;
  }
  if (field.type === "choice" || field.type === "choices") {
    const type = field.type === "choice" ? "radio" : "checkbox";
    return html`<fieldset><legend>${field.label}</legend><div class="choices">${field.options.map(([value, words]) => html`
      <label><input type=${type} name=${field.name} value=${value} .defaultChecked=${value === field.value}> ${words}</label>`)}
    </div></fieldset>`;
  }
  return html`<label for=${id}>${field.label}</label>
    <input id=${id} name=${field.name} type=${field.type} .defaultValue=${field.value ?? ""} maxlength="200">`;
}

function valueOf(form, field) {
  if (field.type === "yes") return form.elements[field.name].checked;
  const data = new FormData(form);
  return field.type === "choices" ? data.getAll(field.name) : data.get(field.name);
}

function keyTable(keys) {
  return html`<table class="keys"><tbody>${keys.map(([key, words]) => html`
    <tr><th scope="row">${key.split(" / ").map((one, i) => html`${i ? " / " : ""}<kbd>${one}</kbd>`)}</th><td>${words}</td></tr>`)}
  </tbody></table>`;
}

customElements.define("esp-ask", Ask);
