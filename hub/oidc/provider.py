"""What is asked of the provider: its configuration, its keys, a token for a code, and who that is.

Nothing is asked before somebody wants to sign in, so a provider that is down never keeps the hub from starting.
Configuration and keys are kept for an hour; a token with an unknown key asks for the keys at once (a provider may
change them at any time), at most every thirty seconds.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode, urlsplit

import httpx

from hub.oidc.attempts import Attempt
from hub.oidc.id_token import UnknownKey, checked
from hub.oidc.settings import Oidc, Person, claim, person
from hub.oidc.trouble import Reason, SignInFailed

TIMEOUT_S = 10.0
KEPT_S = 3600.0  # [E]
KEYS_AGAIN_S = 30.0  # [E]
ANSWER_MAX_BYTES = 512 * 1024
_METHODS = ("client_secret_basic", "client_secret_post")
_NEEDED = ("authorization_endpoint", "token_endpoint", "jwks_uri")


class Provider:
    """One provider, as the hub knows it. To be used from one event loop. `ticks` counts seconds, never back."""

    def __init__(self, oidc: Oidc, *, ticks: Callable[[], float] = time.monotonic) -> None:
        """Raises SignInFailed when the extra is not installed."""
        try:
            import authlib  # noqa: F401
        except ImportError:
            raise SignInFailed(
                Reason.NOT_INSTALLED,
                "oidc is set, but the part that speaks it is not installed",
                "install the extra: pip install 'esplanade[hub,oidc]'",
            ) from None
        self.oidc = oidc
        self._ticks = ticks
        self._found: tuple[float, dict[str, Any]] | None = None
        self._keys: tuple[float, dict[str, Any]] | None = None
        self._asking = asyncio.Lock()

    async def address(self, attempt: Attempt) -> str:
        """Where the browser goes to sign in. Raises SignInFailed."""
        found = await self._configuration()
        async with self._client() as client:
            url, _ = client.create_authorization_url(
                found["authorization_endpoint"],
                state=attempt.state,
                code_verifier=attempt.verifier,
                nonce=attempt.nonce,
            )
        return str(url)

    async def redeem(self, code: str, attempt: Attempt, *, iss: str | None, now_s: int) -> tuple[Person, str]:
        """Who signed in, and the id_token (a hint for signing out). `iss`: as the provider's answer named it.

        Raises SignInFailed.
        """
        found = await self._configuration()
        if iss != self.oidc.issuer and (
            iss is not None or found.get("authorization_response_iss_parameter_supported") is True
        ):
            raise SignInFailed(
                Reason.OTHER_ISSUER,
                f"the answer comes from {(iss or 'nobody')[:200]!r}, not from {self.oidc.issuer!r}",
                "begin again on the sign-in page; if it happens each time, set oidc.issuer as the provider does",
            )
        token = await self._token(found, code, attempt)
        id_token, access_token = token.get("id_token"), token.get("access_token")
        if not isinstance(id_token, str):
            raise SignInFailed(
                Reason.NO_ID_TOKEN,
                "the provider gave no id_token for the code",
                f"register the client {self.oidc.client_id!r} for OpenID Connect, with the scope openid",
            )
        access_token = access_token if isinstance(access_token, str) else None
        claims = await self._checked(id_token, attempt, access_token, now_s)
        claims = await self._with_userinfo(found, claims, access_token)
        return person(claims, self.oidc), id_token

    async def sign_out_address(self, id_token: str | None) -> str | None:
        """Where the browser ends the provider's own session; None where the provider offers no such thing."""
        try:
            found = await self._configuration()
        except SignInFailed:
            return None
        end = found.get("end_session_endpoint")
        if not isinstance(end, str) or not self._usable(end):
            return None
        asked = {"client_id": self.oidc.client_id, "post_logout_redirect_uri": self.oidc.signed_out_uri}
        if id_token is not None:
            asked["id_token_hint"] = id_token
        return f"{end}{'&' if '?' in end else '?'}{urlencode(asked)}"

    async def _checked(
        self, id_token: str, attempt: Attempt, access_token: str | None, now_s: int
    ) -> dict[str, Any]:
        for again in (False, True):
            keys = await self._key_set(again=again)
            try:
                return checked(
                    id_token,
                    keys=keys,
                    oidc=self.oidc,
                    nonce=attempt.nonce,
                    access_token=access_token,
                    now_s=now_s,
                )
            except UnknownKey:
                continue
        raise SignInFailed(
            Reason.SIGNATURE,
            "the id_token is signed with a key that the provider does not publish",
            f"see that {self.oidc.issuer} publishes the key it signs with (jwks_uri), then begin again",
        )

    async def _with_userinfo(
        self, found: dict[str, Any], claims: dict[str, Any], access_token: str | None
    ) -> dict[str, Any]:
        """Many providers keep groups and names out of the id_token and tell them at the userinfo endpoint only."""
        wanted = (self.oidc.groups_claim, self.oidc.name_claim, "name")
        endpoint = found.get("userinfo_endpoint")
        if access_token is None or not isinstance(endpoint, str) or not self._usable(endpoint):
            return claims
        if all(claim(claims, name) is not None for name in wanted):
            return claims
        more = await self._get(endpoint, "userinfo_endpoint", bearer=access_token)
        if more.get("sub") != claims["sub"]:
            raise SignInFailed(
                Reason.CLAIM,
                "userinfo and id_token speak of two different people",
                "begin again; if it happens each time, the provider or something before it mixes its answers up",
            )
        return {**more, **claims}

    async def _token(self, found: dict[str, Any], code: str, attempt: Attempt) -> dict[str, Any]:
        from authlib.integrations.base_client import OAuthError

        try:
            async with self._client(self._method(found)) as client:
                token = await client.fetch_token(
                    found["token_endpoint"],
                    grant_type="authorization_code",
                    code=code,
                    code_verifier=attempt.verifier,
                    redirect_uri=self.oidc.redirect_uri,
                )
        except OAuthError as error:
            raise self._refused(str(error.error or ""), str(error.description or "")) from None
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
            raise self._unreachable(found["token_endpoint"], error) from None
        return dict(token)

    def _refused(self, error: str, description: str) -> SignInFailed:
        said = f"{error}{': ' if description else ''}{description}"[:300]
        if error in ("invalid_client", "unauthorized_client"):
            return SignInFailed(
                Reason.CLIENT_REFUSED,
                f"the provider does not take this hub's client ({said})",
                f"compare oidc.client_id {self.oidc.client_id!r} and oidc.client_secret_file with what is registered "
                f"at {self.oidc.issuer}, and see that the secret is not over",
            )
        if error == "invalid_grant":
            return SignInFailed(
                Reason.CODE_REFUSED,
                f"the provider does not take the code ({said})",
                "begin again on the sign-in page (a code counts once, and for a minute or so); if it happens each "
                f"time, register exactly {self.oidc.redirect_uri} as the address to return to",
            )
        return SignInFailed(
            Reason.PROVIDER_REFUSED,
            f"the provider gave no token ({said})",
            f"look for this in the provider's own log, for the client {self.oidc.client_id!r}",
        )

    def _method(self, found: dict[str, Any]) -> str:
        """How the hub shows its secret: the provider's choice of the two that are common, basic where it says none."""
        if self.oidc.client_secret is None:
            return "none"
        offered = found.get("token_endpoint_auth_methods_supported") or [_METHODS[0]]
        chosen = next((method for method in _METHODS if method in offered), None)
        if chosen is None:
            raise SignInFailed(
                Reason.NOT_CAPABLE,
                f"the provider takes clients by {', '.join(map(str, offered))} only",
                "allow client_secret_basic or client_secret_post for this client",
            )
        return chosen

    def _client(self, method: str | None = None) -> Any:
        from authlib.integrations.httpx_client import AsyncOAuth2Client

        return AsyncOAuth2Client(
            client_id=self.oidc.client_id,
            client_secret=self.oidc.client_secret,
            token_endpoint_auth_method=method,
            code_challenge_method="S256",
            scope=" ".join(self.oidc.scopes),
            redirect_uri=self.oidc.redirect_uri,
            timeout=TIMEOUT_S,
            verify=self._trust(),
        )

    def _trust(self) -> ssl.SSLContext:
        try:
            return ssl.create_default_context(cafile=self.oidc.ca_file)
        except OSError as error:
            raise SignInFailed(
                Reason.NOT_TRUSTED,
                f"oidc.ca_file {self.oidc.ca_file} cannot be used: {error.strerror or error}",
                "name a file with the certificate (PEM) of the authority that signed the provider's",
            ) from None

    async def _configuration(self) -> dict[str, Any]:
        async with self._asking:
            if self._found is not None and self._ticks() - self._found[0] < KEPT_S:
                return self._found[1]
            address = self.oidc.issuer.rstrip("/") + "/.well-known/openid-configuration"
            found = await self._get(address, "oidc.issuer")
            self._refuse_unfit(found, address)
            self._found = (self._ticks(), found)
            return found

    def _refuse_unfit(self, found: dict[str, Any], address: str) -> None:
        issuer = found.get("issuer")
        if issuer != self.oidc.issuer:
            raise SignInFailed(
                Reason.OTHER_ISSUER,
                f"{address} says that it is {str(issuer)[:200]!r}, oidc.issuer says {self.oidc.issuer!r}",
                "set oidc.issuer exactly to what the provider says, if that is the right one (the last / counts)",
            )
        for key in _NEEDED:
            if not isinstance(found.get(key), str) or not self._usable(found[key]):
                raise SignInFailed(
                    Reason.NOT_CAPABLE,
                    f"the provider's configuration has no usable {key}",
                    f"see {address}; each address there must be https",
                )
        challenges = found.get("code_challenge_methods_supported")
        if isinstance(challenges, list) and "S256" not in challenges:
            raise SignInFailed(
                Reason.NOT_CAPABLE, "the provider does not offer PKCE with S256", "turn it on for this client"
            )

    async def _key_set(self, *, again: bool) -> dict[str, Any]:
        found = await self._configuration()
        async with self._asking:
            age_s = float("inf") if self._keys is None else self._ticks() - self._keys[0]
            if self._keys is not None and age_s < (KEYS_AGAIN_S if again else KEPT_S):
                return self._keys[1]
            keys = await self._get(found["jwks_uri"], "jwks_uri")
            if not isinstance(keys.get("keys"), list):
                raise self._no_answer(found["jwks_uri"], "it is no set of keys")
            self._keys = (self._ticks(), keys)
            return keys

    async def _get(self, address: str, key: str, *, bearer: str | None = None) -> dict[str, Any]:
        headers = {"Accept": "application/json"}
        if bearer is not None:
            headers["Authorization"] = f"Bearer {bearer}"
        try:
            async with (
                httpx.AsyncClient(timeout=TIMEOUT_S, verify=self._trust()) as client,
                client.stream("GET", address, headers=headers) as answer,
            ):
                if answer.status_code != 200:
                    raise self._no_answer(address, f"HTTP {answer.status_code}")
                body = b""
                async for part in answer.aiter_bytes():
                    body += part
                    if len(body) > ANSWER_MAX_BYTES:
                        raise self._no_answer(address, f"its answer is longer than {ANSWER_MAX_BYTES} bytes")
                found = httpx.Response(200, content=body).json()
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise self._unreachable(address, error) from None
        except ValueError:
            raise self._no_answer(
                address, "its answer is not JSON (a signed userinfo must be turned off)"
            ) from None
        if not isinstance(found, dict):
            raise self._no_answer(address, f"its answer is no JSON object ({key})")
        return found

    def _usable(self, address: str) -> bool:
        """https, as the issuer; http only where the issuer itself is on loopback."""
        scheme = urlsplit(address).scheme
        return scheme == "https" or (scheme == "http" and self.oidc.issuer.startswith("http://"))

    def _no_answer(self, address: str, why: str) -> SignInFailed:
        return SignInFailed(
            Reason.NO_CONFIGURATION,
            f"the provider does not answer as OpenID Connect asks at {address}: {why}",
            "set oidc.issuer to the address the provider gives as its issuer, without /.well-known and what follows",
        )

    def _unreachable(self, address: str, error: Exception) -> SignInFailed:
        text = f"{type(error).__name__}: {error}"[:300]
        if "CERTIFICATE_VERIFY_FAILED" in text:
            return SignInFailed(
                Reason.NOT_TRUSTED,
                f"the certificate at {address} is not trusted here ({text})",
                "set oidc.ca_file to the town's own authority (PEM); see that the provider's certificate is not over",
            )
        return SignInFailed(
            Reason.UNREACHABLE,
            f"the provider does not answer at {address} ({text})",
            "see that it runs, that its name resolves on the hub's machine and that the firewall lets the hub reach it",
        )
