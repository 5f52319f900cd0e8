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
  throw new Refused(answer.status, sentence(body?.error ?? T.answered(answer.status)), sentence(body?.do ?? ""));
}

function sentence(text) {
  const words = String(text).trim();
  return words && !/[.!?]$/.test(words) ? `${words}.` : words;
}

function post(path, body) {
  return request(path, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
}

/** Hands in the token. The hub answers with a cookie that this page cannot read. */
async function enter(token) {
  const answer = await fetch("/enter", {
    method: "POST",
    body: new URLSearchParams({ token }),
  });
  if (!answer.ok) throw new Refused(answer.status, T.tokenRefused, T.tokenRefusedDo);
}

const part = encodeURIComponent;

export const api = {
  events: `${BASE}/events`,
  enter,
  site: () => request("/site"),
  history: (zone, minutes) => request(`/zones/${part(zone)}/history?minutes=${minutes}`),
  truth: (zone) => request(`/zones/${part(zone)}/truth`),
  closedAlerts: (limit) => request(`/alerts?open=false&limit=${limit}`),
  alert: (id) => request(`/alerts/${part(id)}`),
  devices: () => request("/devices"),
  acknowledge: (id, by) => post(`/alerts/${part(id)}/acknowledge`, { by }),
  shelve: (id, by, reason, minutes) => post(`/alerts/${part(id)}/shelve`, { by, reason, minutes }),
  unshelve: (id, by) => post(`/alerts/${part(id)}/unshelve`, { by }),
  close: (id, by, disposition, cause) =>
    post(`/alerts/${part(id)}/close`, cause ? { by, disposition, cause } : { by, disposition }),
  permit: (place, kinds, minutes, by, reason) => post("/permits", { place, kinds, minutes, by, reason }),
  outOfService: (rule, subject, by, minutes, reason) => post("/out-of-service", { rule, subject, by, minutes, reason }),
};
