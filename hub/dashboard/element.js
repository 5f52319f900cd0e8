/** Base of the page's elements: Lit without a shadow root, so that one set of style sheets and ids serves all. */

import { LitElement } from "lit";

export class PageElement extends LitElement {
  createRenderRoot() {
    return this;
  }

  /** Tells whoever listens above. @param {string} name @param {object} [detail] */
  tell(name, detail = {}) {
    this.dispatchEvent(new CustomEvent(name, { detail, bubbles: true }));
  }
}
