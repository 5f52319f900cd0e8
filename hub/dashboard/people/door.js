/** What the pages outside the door share: requests before anybody is signed in. Without Lit: they are small. */

import { words } from "../words.js";
import { P } from "./text.js";

export const at = (id) => document.getElementById(id);

/** @returns {Promise<{status: number, body: object|null, wait_s: number}>} */
export async function ask(path, body) {
  const options = body === undefined ? {} : { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
  try {
    const answer = await fetch(path, { cache: "no-store", credentials: "same-origin", ...options });
    return { status: answer.status, ok: answer.ok, body: await answer.json().catch(() => null), wait_s: Number(answer.headers.get("Retry-After") ?? 0) };
  } catch {
    return { status: 0, ok: false, body: { error: P.noHub, do: P.noHubDo }, wait_s: 0 };
  }
}

/** What the hub refused, in two sentences. */
export function wordsOf(body) {
  return [body?.error, body?.do].filter(Boolean).map((text) => `${text[0].toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? "" : "."}`).join(" ");
}

/** Shows a problem, or takes it away. Read out when it changes. */
export function problem(text, place = "problem") {
  at(place).replaceChildren();
  if (!text) return;
  const line = document.createElement("p");
  line.className = "problem";
  line.textContent = text;
  at(place).append(line);
}

/** The button holds until the seconds are over, and says so. */
export function wait(button, seconds, done) {
  const until = performance.now() + seconds * 1000;
  button.disabled = true;
  const tick = () => {
    const left = Math.ceil((until - performance.now()) / 1000);
    if (left > 0) {
      problem(P.wait(left));
      setTimeout(tick, 250);
      return;
    }
    button.disabled = false;
    problem("");
    done?.();
  };
  tick();
}

/** The texts of the page in the language that this browser prefers. */
export async function speak(say) {
  await words.fetch();
  document.documentElement.lang = words.language;
  say();
}
