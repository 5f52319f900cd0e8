/** Base of the page's elements: Lit without a shadow root, so that one set of style sheets and ids serves all. */

import { LitElement } from "lit";
import { words } from "./words.js";

export class PageElement extends LitElement {
  /** Called when the page turns to another language. */
  retell = () => this.requestUpdate();

  createRenderRoot() {
    return this;
  }

  connectedCallback() {
    super.connectedCallback();
    words.addEventListener("change", this.retell);
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    words.removeEventListener("change", this.retell);
  }

  /** Tells whoever listens above. @param {string} name @param {object} [detail] */
  tell(name, detail = {}) {
    this.dispatchEvent(new CustomEvent(name, { detail, bubbles: true }));
  }
}
