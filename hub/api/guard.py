"""Who may ask: every route, the stream, the page and the API's own description go through here.

Without a token the hub listens on loopback only and answers only requests that name it as loopback (a page elsewhere
could point a name of its own at 127.0.0.1). With a token each request carries it, as a bearer token or as the cookie
that POST /enter gave. A request that changes something must come from the hub's own page, or from no page at all.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import ipaddress
import re
import time
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from urllib.parse import urlsplit

import msgspec
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hub.api.allowed import ACTOR, WHO
from hub.api.answers import Problem
from hub.people.actor import OPEN

COOKIE = "esplanade"
ENTRY_PATH = "/enter"
SESSION_S = 12 * 3600
TOKEN_MIN_LENGTH = 20
BODY_MAX_BYTES = 64 * 1024
HEADERS_MAX_BYTES = 16 * 1024
READ_OFF_MAX_BYTES = 1024 * 1024  # [E] read and thrown away before a request that is too large is told so
READ_OFF_S = 2.0
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_LOOPBACK_NAMES = frozenset({"localhost", "localhost.localdomain"})
_INLINE_MAP = re.compile(rb'<script type="importmap">(.*?)</script>', re.DOTALL)

ENTRY_PAGE = b"""<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Esplanade: enter</title>
<h1>Esplanade</h1>
<form method="post" action="/enter">
<label>Token <input name="token" type="password" autocomplete="current-password" required autofocus></label>
<button>Enter</button>
</form>
<p>The hub printed the token when it made it, and keeps it in its token file.</p>
</html>
"""


def is_loopback(host: str) -> bool:
    """Whether an address or name can be reached from this machine only."""
    if host.lower() in _LOOPBACK_NAMES:
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def script_hash(page: bytes) -> str:
    """The CSP source of the page's inline import map; empty when it has none."""
    found = _INLINE_MAP.search(page)
    if found is None:
        return ""
    return f"'sha256-{base64.b64encode(hashlib.sha256(found[1]).digest()).decode()}'"


def content_policy(page: bytes) -> str:
    """The Content-Security-Policy of every answer: nothing but what the hub itself serves."""
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src 'self' {script_hash(page)}".rstrip(),
            "style-src 'self'",
            "img-src 'self' data:",
            "connect-src 'self'",
            "font-src 'self'",
            "frame-ancestors 'none'",
            "base-uri 'none'",
            "form-action 'self'",
        )
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """`token` None: loopback without token. `names`: further Host names answered, for a reverse proxy."""

    token: str | None = None
    tls: bool = False
    names: frozenset[str] = frozenset()

    def cookie(self, now_s: int) -> str:
        """A session for the page: not the token itself, and over after twelve hours."""
        until = now_s + SESSION_S
        return f"{until}.{self._mac(until)}"

    def knows_cookie(self, value: str, now_s: int) -> bool:
        until, _, mac = value.partition(".")
        if not (until.isascii() and until.isdigit() and len(until) <= 12) or int(until) < now_s:
            return False
        return hmac.compare_digest(mac.encode(), self._mac(int(until)).encode())

    def knows_token(self, value: str) -> bool:
        return self.token is not None and hmac.compare_digest(value.encode(), self.token.encode())

    def _mac(self, until: int) -> str:
        key = (self.token or "").encode()
        return hmac.new(key, b"esplanade page %d" % until, hashlib.sha256).hexdigest()


class Guard:
    """ASGI middleware around the whole application."""

    def __init__(self, app: ASGIApp, *, access: Access, policy: str) -> None:
        self.app = app
        self._access = access
        self._headers = {
            "Content-Security-Policy": policy,
            "X-Content-Type-Options": "nosniff",
            "X-Frame-Options": "DENY",
            "Referrer-Policy": "same-origin",
            "Cross-Origin-Opener-Policy": "same-origin",
            "Cross-Origin-Resource-Policy": "same-origin",
            "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
        }
        if access.tls:
            self._headers["Strict-Transport-Security"] = "max-age=31536000"

    @property
    def headers(self) -> dict[str, str]:
        """What every answer carries."""
        return dict(self._headers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":
            return  # no route speaks anything else; the server closes the connection

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers[name] = value
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        refusal = self._refusal(scope)
        if refusal is not None:
            if refusal[0] == 413:
                await _read_off(receive)
            await _answer(refusal, scope, send_guarded)
            return
        await self.app(scope, _bounded(receive), send_guarded)

    def _refusal(self, scope: Scope) -> tuple[int, str, str] | None:
        """Status, what is wrong and what to do; None lets the request through."""
        headers = Headers(scope=scope)
        access = self._access
        host = headers.get("host", "")
        name = _host_name(host)
        if sum(len(one) + len(value) for one, value in headers.raw) > HEADERS_MAX_BYTES:
            return 431, f"headers hold at most {HEADERS_MAX_BYTES} bytes", "send fewer or shorter ones"
        if access.token is None and not (is_loopback(name) or name in access.names):
            return (
                421,
                f"this hub does not answer to the name {name[:80]!r}",
                "open it as http://127.0.0.1, or list the name under http.names",
            )
        if scope["method"] not in _SAFE and not _same_origin(headers, host):
            return 403, "a page of another origin may change nothing here", "act on the hub's own page"
        length = headers.get("content-length", "0")
        if not length.isdigit() or int(length) > BODY_MAX_BYTES:
            return 413, f"a request holds at most {BODY_MAX_BYTES} bytes", "send less"
        if access.token is None or scope["path"] == ENTRY_PATH or self._is_known(headers):
            state = scope.setdefault("state", {})
            state[ACTOR], state[WHO] = OPEN, lambda: OPEN
            return None
        return 401, "a token is needed", "send Authorization: Bearer, or open / and enter the hub's token"

    def _is_known(self, headers: Headers) -> bool:
        scheme, _, value = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and self._access.knows_token(value.strip()):
            return True
        try:
            cookie = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
        except CookieError:
            return False
        return cookie is not None and self._access.knows_cookie(cookie.value, int(time.time()))


def _host_name(host: str) -> str:
    """The Host header without its port."""
    return host.rpartition("]")[0] + "]" if host.startswith("[") else host.partition(":")[0]


def _same_origin(headers: Headers, host: str) -> bool:
    if headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        return False
    origin = headers.get("origin")
    return origin is None or urlsplit(origin).netloc == host


async def _read_off(receive: Receive) -> None:
    """Takes in what a sender has on its way, within bounds: one that is cut off may never read why it was refused."""
    left = READ_OFF_MAX_BYTES
    try:
        async with asyncio.timeout(READ_OFF_S):
            while left > 0:
                message = await receive()
                left -= len(message.get("body", b""))
                if not message.get("more_body", False):
                    return
    except TimeoutError:
        return


def _bounded(receive: Receive) -> Receive:
    """A body sent in chunks keeps the same bound: past it the request ends as if the client had gone."""
    taken = 0

    async def bounded() -> Message:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body", b""))
        return message if taken <= BODY_MAX_BYTES else {"type": "http.disconnect"}

    return bounded


async def _answer(refusal: tuple[int, str, str], scope: Scope, send: Send) -> None:
    status, error, do = refusal
    headers = [(b"content-type", b"application/json")]
    body = msgspec.json.encode(Problem(error=error, do=do))
    if status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
        if scope["method"] == "GET" and scope["path"] == "/":
            body = ENTRY_PAGE
            headers[0] = (b"content-type", b"text/html; charset=utf-8")
    headers.append((b"content-length", b"%d" % len(body)))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})
