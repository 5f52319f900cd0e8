/** Who sits here, and what they may do, as the hub says it. What is hidden here is refused there all the same. */

import { api } from "../api.js";
import { P } from "./text.js";

/** Emits "change". `me` is null until the hub has said who it is. */
class Who extends EventTarget {
  me = null;
  /** right -> {right, words, roles, approved_by, by_token} */
  table = new Map();

  /** Asks the hub. Raises Refused, with status 401 when nobody is signed in. */
  async load() {
    const [me, table] = await Promise.all([api.me(), this.table.size ? null : api.rights()]);
    this.me = me;
    if (table) this.table = new Map(table.rights.map((row) => [row.right, row]));
    this.dispatchEvent(new Event("change"));
  }

  /** Takes in what the hub answered about this person. */
  put(me) {
    this.me = me;
    this.dispatchEvent(new Event("change"));
  }

  /** Nobody signs in: the name is typed on the page. */
  get open() {
    return this.me?.via === "open";
  }

  /** @param {string} right such as "alert.handle" */
  may(right) {
    return this.me?.rights.includes(right) ?? false;
  }

  /** Why somebody may not, in words; empty where they may. */
  reason(right) {
    return this.may(right) || !this.me ? "" : P.mayNot(rolesInWords(this.table.get(right)?.roles ?? []));
  }
}

/** @param {string[]} roles */
export function rolesInWords(roles) {
  return roles.map((role) => P.role[role] ?? role).join(", ");
}

export const who = new Who();
