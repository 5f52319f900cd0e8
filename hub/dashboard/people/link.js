/** The page of a one-time link: the first administrator, an invitation, a new password. The secret stays behind the #. */

import { ask, at, problem, speak, wait, wordsOf } from "./door.js";
import { P } from "./text.js";

const secret = location.hash.slice(1);
let found = null;

function say() {
  document.title = `${P.product}: ${P.setPassword}`;
  document.querySelector("label[for='password']").textContent = P.newPassword;
  document.querySelector("label[for='name']").textContent = P.login;
  document.querySelector("label[for='display']").textContent = P.display;
  at("name-rule").textContent = P.loginRule;
  document.querySelector("#show-field span").textContent = P.show;
  if (found) sayFound();
}

function sayFound() {
  const { kind, login, display } = found;
  at("title").textContent = kind === "first" ? P.linkFirst : kind === "invite" ? P.linkInvite(display) : P.linkReset(display);
  at("why").textContent = kind === "first" ? P.linkFirstWhy : kind === "invite" ? P.linkInviteWhy(login) : P.linkResetWhy(login);
  at("enter").textContent = kind === "first" ? P.makeFirst : P.setPassword;
}

function over(text) {
  at("title").textContent = P.linkOver;
  problem(text);
  at("link").hidden = true;
}

async function look() {
  if (!secret) {
    over(P.linkNone);
    return;
  }
  const { ok, body } = await ask("/api/v1/links/look", { secret });
  if (!ok) {
    over(wordsOf(body));
    return;
  }
  found = body;
  at("secret").value = secret;
  at("secret-field").hidden = true;
  at("display-field").hidden = body.kind !== "first";
  at("show-field").hidden = false;
  at("name").required = at("display").required = body.kind === "first";
  if (body.kind !== "first") {
    // password managers want to know for whom; nothing is asked
    at("name").value = body.login;
    at("login-field").hidden = true;
  }
  sayFound();
  at(body.kind === "first" ? "name" : "password").focus();
  await ways();
}

/** An invitation can be taken up with the town's account instead of a password. */
async function ways() {
  if (found.kind === "first") return;
  const { body } = await ask("/api/v1/ways-in");
  if (!body) return;
  at("password-rule").textContent = P.passwordRule(body.password_length_min);
  if (!body.button) return;
  const button = document.createElement("button");
  button.type = "button";
  button.className = "main";
  button.textContent = body.button;
  button.addEventListener("click", async () => {
    const answer = await ask("/login/oidc", { invitation: secret });
    if (answer.ok && answer.body.go) location.assign(answer.body.go);
    else problem(wordsOf(answer.body));
  });
  const or = document.createElement("p");
  or.className = "rule or";
  or.textContent = body.passwords === "few" ? P.onlyOutside : P.or;
  at("outside").replaceChildren(button, or);
}

at("show").addEventListener("change", (event) => (at("password").type = event.target.checked ? "text" : "password"));

at("link").addEventListener("submit", async (event) => {
  event.preventDefault();
  const button = at("enter");
  button.disabled = true;
  problem("");
  const first = found?.kind === "first";
  const answer = await ask("/api/v1/links/use", {
    secret: at("secret").value.trim(),
    password: at("password").value,
    ...(first ? { login: at("name").value.trim(), display: at("display").value.trim() } : {}),
  });
  if (answer.ok) {
    location.replace("/");
    return;
  }
  button.disabled = false;
  if (answer.wait_s > 0) wait(button, answer.wait_s);
  else problem(wordsOf(answer.body));
});

addEventListener("hashchange", () => location.reload());
speak(say);
look();
