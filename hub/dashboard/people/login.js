/** The sign-in page. Its form works without this; here it answers in place, counts down a wait, and knows other ways in. */

import { settings } from "../settings.js";
import { ask, at, problem, speak, wait, wordsOf } from "./door.js";
import { P } from "./text.js";

const why = location.hash.slice(1);

function say() {
  document.title = `${P.product}: ${P.signIn}`;
  document.querySelector("label[for='name']").textContent = P.login;
  document.querySelector("label[for='password']").textContent = P.password;
  at("enter").textContent = P.signIn;
  at("hint").textContent = P.signInHint;
  if (why === "over" || why === "out") sayOver();
}

/** Who was thrown out must not think that the page still watches. */
function sayOver() {
  const over = at("over");
  const title = document.createElement("strong");
  title.textContent = P.overTitle;
  const text = document.createElement("span");
  text.textContent = why === "out" ? P.signedOut : [P.overWhy, settings.get("sound") ? P.overSound : ""].join(" ").trim();
  over.className = why === "out" ? "banner broken" : "banner dead";
  over.replaceChildren(...(why === "out" ? [] : [title]), text);
  if (why === "over") document.title = `${P.notLive}: ${P.signIn}`;
}

async function ways() {
  const { body } = await ask("/api/v1/ways-in");
  if (!body?.button) return;
  const link = document.createElement("a");
  link.className = "button main";
  link.href = "/login/oidc";
  link.textContent = body.button;
  const or = document.createElement("p");
  or.className = "rule or";
  or.textContent = body.passwords === "few" ? P.onlyOutside : P.or;
  at("outside").replaceChildren(link, or);
  if (body.passwords === "few") at("login").classList.add("few");
}

/** Somebody who came from a link elsewhere is signed in, though the cookie did not come along with that step. */
async function already() {
  const { ok } = await ask("/api/v1/me");
  if (ok) location.replace("/");
}

at("login").addEventListener("submit", async (event) => {
  event.preventDefault();
  const button = at("enter");
  const [name, password] = [at("name"), at("password")];
  if (!name.value.trim() || !password.value) {
    (name.value.trim() ? password : name).focus();
    return;
  }
  button.disabled = true;
  problem("");
  const answer = await ask("/api/v1/session", { login: name.value.trim(), password: password.value });
  if (answer.ok) {
    location.replace("/");
    return;
  }
  button.disabled = false;
  if (answer.wait_s > 0) {
    wait(button, answer.wait_s, () => password.focus());
    return;
  }
  problem(wordsOf(answer.body));
  password.select();
  password.focus();
});

speak(say);
ways();
if (!why) already();
