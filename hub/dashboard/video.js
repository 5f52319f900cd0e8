/** The link into the town's own video system. */

import { html, nothing } from "lit";
import { safeVideoAddress } from "./address.js";

/** A link that opens the video beside this page, or nothing. */
export function videoLink(url, words, cssClass) {
  const address = safeVideoAddress(url);
  return address
    ? html`<a class=${cssClass} href=${address} target="_blank" rel="noopener noreferrer">${words}</a>`
    : nothing;
}
