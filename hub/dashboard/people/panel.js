/** Base of the dialog's panels: loads, shows what went wrong, does one thing at a time. */

import { PageElement } from "../element.js";
import { P } from "./text.js";

export class Panel extends PageElement {
  static properties = {
    clock: { attribute: false }, now: { attribute: false }, found: { state: true }, problem: { state: true }, good: { state: true },
    busy: { state: true },
  };

  constructor() {
    super();
    this.found = null;
    this.problem = "";
    this.good = "";
    this.busy = false;
  }

  connectedCallback() {
    super.connectedCallback();
    this.load();
  }

  /** What the panel shows; a panel says how. */
  async fetch() {
    return {};
  }

  async load() {
    try {
      this.found = await this.fetch();
    } catch (error) {
      this.problem = P.unreadable(error.message);
    }
  }

  /** Does something and reads anew. A refusal is shown; the answer is returned, or undefined. */
  async run(send, good = "") {
    if (this.busy) return undefined;
    this.busy = true;
    this.problem = this.good = "";
    try {
      const answer = await send();
      this.good = typeof good === "function" ? good(answer) : good;
      await this.load();
      return answer ?? true;
    } catch (error) {
      this.problem = error.message;
      return undefined;
    } finally {
      this.busy = false;
    }
  }

  /** An instant in words on the site's clock. */
  at(instant) {
    return instant && this.clock ? this.clock.moment(instant, this.now) : String(instant ?? "");
  }
}
