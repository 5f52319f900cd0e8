/**
 * A real OpenID Connect provider (npm oidc-provider, certified) for the tests: its own login page, keys made at each
 * start, accounts from the settings. One JSON object as argument; "ready" on stdout; commands as lines on stdin:
 *   spoil WHAT   the next token answer is falsified after the provider made it ("none": signed by nobody)
 * Each command is answered with its own line.
 */

import { createInterface } from "node:readline";
import { SignJWT, base64url, decodeJwt, exportJWK, generateKeyPair, importJWK } from "jose";
import Provider from "oidc-provider";

const settings = JSON.parse(process.argv[2]);
const issuer = settings.issuer;
const key = { ...(await exportJWK((await generateKeyPair("RS256", { extractable: true })).privateKey)), kid: settings.kid, alg: "RS256", use: "sig" };
const stranger = (await generateKeyPair("RS256", { extractable: true })).privateKey;

const provider = new Provider(issuer, {
  clients: [{
    client_id: settings.client_id,
    client_secret: settings.client_secret,
    redirect_uris: [settings.redirect_uri],
    post_logout_redirect_uris: [settings.signed_out_uri],
    token_endpoint_auth_method: settings.auth_method ?? "client_secret_basic",
  }],
  jwks: { keys: [key] },
  cookies: { keys: ["for the tests"] },
  claims: { openid: ["sub", "groups"], profile: ["name", "preferred_username"], email: ["email"] },
  conformIdTokenClaims: settings.claims_at_userinfo ?? true,
  findAccount: (_ctx, id) => ({ accountId: id, claims: () => ({ sub: id, preferred_username: id, ...settings.accounts[id] }) }),
  ttl: { AccessToken: 600, AuthorizationCode: 60, IdToken: 600, Interaction: 600, Session: 3600, Grant: 3600 },
});

let spoil = null;

const forge = {
  nonce: (claims) => ({ ...claims, nonce: "of another sign-in" }),
  issuer: (claims) => ({ ...claims, iss: "https://elsewhere.example" }),
  audience: (claims) => ({ ...claims, aud: "another-client" }),
  expired: (claims) => ({ ...claims, iat: claims.iat - 7200, exp: claims.iat - 3600 }),
  subject: (claims) => ({ ...claims, sub: "somebody-else" }),
  key: (claims) => claims,
};

async function falsified(token) {
  const what = spoil;
  spoil = null;
  const claims = decodeJwt(token);
  if (what === "tampered") {
    const [head, , signature] = token.split(".");
    return [head, base64url.encode(JSON.stringify({ ...claims, sub: "somebody-else" })), signature].join(".");
  }
  if (what === "none") return `${base64url.encode(JSON.stringify({ alg: "none" }))}.${token.split(".")[1]}.`;
  delete claims.at_hash;
  return new SignJWT(forge[what](claims))
    .setProtectedHeader({ alg: "RS256", kid: settings.kid })
    .sign(what === "key" ? stranger : await importJWK(key, "RS256"));
}

provider.use(async (ctx, next) => {
  await next();
  if (spoil !== null && ctx.path === "/token" && ctx.body?.id_token) {
    ctx.body = { ...ctx.body, id_token: await falsified(ctx.body.id_token) };
  }
});

createInterface({ input: process.stdin }).on("line", (line) => {
  spoil = line.split(" ")[1];
  console.log(line);
}).on("close", () => process.exit(0));

const { hostname, port } = new URL(issuer);
provider.listen(Number(port), hostname, () => console.log("ready"));
