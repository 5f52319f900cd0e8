/** Requests to the hub that serves this page; there is no other address. */

import { T } from "./text.js";
import { words } from "./words.js";

const BASE = "/api/v1";

/** What the hub answered instead of what was asked: what failed, and what to do next. */
export class Refused extends Error {
  constructor(status, error, advice) {
    super(advice ? `${error} ${advice}` : error);
    this.status = status;
  }
}

/** Goes with every request that changes something: a page elsewhere can not know it. */
let formToken = null;

async function request(path, options) {
  let answer;
  try {
    answer = await fetch(BASE + path, {
      cache: "no-store", credentials: "same-origin", ...options,
      headers: { ...options?.headers, "Accept-Language": words.language },
    });
  } catch {
    throw new Refused(0, T.noAnswer, T.noAnswerDo);
  }
  const body = await answer.json().catch(() => null);
  if (answer.ok) return body;
  if (answer.status === 401) document.dispatchEvent(new Event("signed-out"));
  throw new Refused(answer.status, sentence(body?.error ?? T.answered(answer.status)), sentence(body?.do ?? ""));
}

function sentence(text) {
  const words = String(text).trim();
  return words && !/[.!?]$/.test(words) ? `${words}.` : words;
}

function send(method, path, body) {
  const headers = formToken ? { "X-CSRF-Token": formToken } : {};
  if (body === undefined) return request(path, { method, headers });
  return request(path, { method, headers: { ...headers, "Content-Type": "application/json" }, body: JSON.stringify(body) });
}

const post = (path, body) => send("POST", path, body);

/** What the hub says of who asks; keeps the form token that came with it. */
async function who(asked) {
  const me = await asked;
  formToken = me.form_token;
  return me;
}

/** `by` only in open mode, where the name is typed: else the hub knows who it is. */
const named = (by, body = {}) => (by ? { by, ...body } : body);

const part = encodeURIComponent;

export const api = {
  events: `${BASE}/events`,
  site: () => request("/site"),
  history: (zone, minutes) => request(`/zones/${part(zone)}/history?minutes=${minutes}`),
  truth: (zone) => request(`/zones/${part(zone)}/truth`),
  closedAlerts: (limit) => request(`/alerts?open=false&limit=${limit}`),
  alert: (id) => request(`/alerts/${part(id)}`),
  devices: () => request("/devices"),
  acknowledge: (id, by) => post(`/alerts/${part(id)}/acknowledge`, named(by)),
  shelve: (id, by, reason, minutes) => post(`/alerts/${part(id)}/shelve`, named(by, { reason, minutes })),
  unshelve: (id, by) => post(`/alerts/${part(id)}/unshelve`, named(by)),
  close: (id, by, disposition, cause) =>
    post(`/alerts/${part(id)}/close`, named(by, cause ? { disposition, cause } : { disposition })),
  permit: (place, kinds, minutes, by, reason) => post("/permits", named(by, { place, kinds, minutes, reason })),
  outOfService: (rule, subject, by, minutes, reason) => post("/out-of-service", named(by, { rule, subject, minutes, reason })),
  // CAP messages to partners
  cap: (id) => request(`/alerts/${part(id)}/cap`),
  capAsk: (id, by, terms, reason) => post(`/alerts/${part(id)}/cap/ask`, named(by, { terms, reason })),
  capWithdraw: (id, by, reason) => post(`/alerts/${part(id)}/cap/withdraw`, named(by, { reason })),
  // people
  me: () => who(request("/me")),
  rights: () => request("/rights"),
  setLanguage: (language) => who(post("/me/language", { language })),
  setPassword: (before, after) => who(post("/me/password", { old: before, new: after })),
  signOut: () => send("DELETE", "/session"),
  sessions: () => request("/me/sessions"),
  endSession: (id) => send("DELETE", `/me/sessions/${id}`),
  endOtherSessions: () => send("DELETE", "/me/sessions"),
  tokens: () => request("/me/tokens"),
  makeToken: (token) => post("/me/tokens", token),
  revokeToken: (id) => send("DELETE", `/me/tokens/${id}`),
  approvals: (waiting) => request(waiting ? "/approvals?waiting=true" : "/approvals?limit=50"),
  decide: (id, verb, by, decision) => post(`/approvals/${part(id)}/${verb}`, named(by, decision)),
  withdraw: (id, by) => post(`/approvals/${part(id)}/withdraw`, named(by)),
  users: () => request("/users"),
  invite: (user) => post("/users", user),
  changeUser: (login, change) => send("PATCH", `/users/${part(login)}`, change),
  disableUser: (login) => post(`/users/${part(login)}/disable`),
  enableUser: (login) => post(`/users/${part(login)}/enable`),
  linkFor: (login) => post(`/users/${part(login)}/link`),
  endSessionsOf: (login) => send("DELETE", `/users/${part(login)}/sessions`),
};
