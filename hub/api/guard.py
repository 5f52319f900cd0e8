"""Who may ask: every route, the stream, the page and the API's own description go through here.

With `http.login: people` each request carries a session (a cookie that the hub gave) or a token (Authorization:
Bearer); only what is meant for anyone answers without. A session changes something only together with its form token,
in the header X-CSRF-Token. With `http.login: none` the hub listens on loopback only and answers only requests that
name it as loopback (a page elsewhere could point a name of its own at 127.0.0.1). A request that changes something must
come from the hub's own page, or from no page at all. Which right a route needs is its own word (hub/api/allowed.py).
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import ipaddress
import logging
import re
import sqlite3
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import msgspec
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hub.api.allowed import ACTOR, ADDRESS, ENTER_FIRST, HELD, WHO
from hub.api.answers import Problem
from hub.people.actor import OPEN
from hub.people.people import People
from hub.people.secret import form_token

log = logging.getLogger("hub.api")

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

COOKIE = "esplanade"
LOGIN_PATH = "/login"
FILES = "/static/"  # the page's own, which hold nothing of the site
FORM_HEADER = "x-csrf-token"
BODY_MAX_BYTES = 64 * 1024
HEADERS_MAX_BYTES = 16 * 1024
READ_OFF_MAX_BYTES = 1024 * 1024  # [E] read and thrown away before a request that is too large is told so
READ_OFF_S = 2.0
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_LOOPBACK_NAMES = frozenset({"localhost", "localhost.localdomain"})
_INLINE_MAP = re.compile(rb'<script type="importmap">(.*?)</script>', re.DOTALL)


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
    """`open`: nobody logs in (loopback only). `proxies`: reverse proxies that speak TLS outside and whose word on the
    client's address is believed. `names`: the only Host names answered beside loopback; empty with people: any.
    """

    open: bool = False
    tls: bool = False
    proxies: tuple[Network, ...] = ()
    names: frozenset[str] = frozenset()

    @property
    def secure(self) -> bool:
        """Whether browsers reach the hub over TLS."""
        return self.tls or bool(self.proxies)

    @property
    def cookie(self) -> str:
        """The prefix makes a browser refuse it from another host, another path or without TLS."""
        return f"__Host-{COOKIE}" if self.secure else COOKIE

    def client(self, scope: Scope, headers: Headers) -> str:
        """The address that asks. X-Forwarded-For counts only as far as trusted proxies wrote it."""
        peer = str((scope.get("client") or ("unknown", 0))[0])
        if not self._trusts(peer):
            return peer
        for part in reversed(",".join(headers.getlist("x-forwarded-for")).split(",")):
            address = part.strip()
            if not _is_address(address):
                break
            peer = address
            if not self._trusts(address):
                break
        return peer

    def _trusts(self, address: str) -> bool:
        if not self.proxies or not _is_address(address):
            return False
        found = ipaddress.ip_address(address)
        return any(found in network for network in self.proxies)


@dataclass(frozen=True, slots=True)
class _Refusal:
    """`problem` says what is wrong and what to do."""

    status: int
    problem: str
    do: str
    headers: tuple[tuple[bytes, bytes], ...] = ()


class Guard:
    """ASGI middleware around the whole application."""

    def __init__(
        self, app: ASGIApp, *, access: Access, policy: str, people: People, public: frozenset[tuple[str, str]]
    ) -> None:
        """`public`: method and path of what answers without anybody logged in, beside the page's files."""
        self.app = app
        self._access = access
        self._people = people
        self._public = public
        self._headers = {
            "Content-Security-Policy": policy,
            "X-Content-Type-Options": "nosniff",
            "X-Frame-Options": "DENY",
            "Referrer-Policy": "same-origin",
            "Cross-Origin-Opener-Policy": "same-origin",
            "Cross-Origin-Resource-Policy": "same-origin",
            "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
        }
        if access.secure:
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
            if refusal.status == 413:
                await _read_off(receive)
            await _answer(refusal, scope, send_guarded)
            return
        await self.app(scope, _bounded(receive), send_guarded)

    def _refusal(self, scope: Scope) -> _Refusal | None:
        """None lets the request through, with what is known of who asks in its state."""
        headers = Headers(scope=scope)
        access = self._access
        host = headers.get("host", "")
        name = _host_name(host)
        if sum(len(one) + len(value) for one, value in headers.raw) > HEADERS_MAX_BYTES:
            return _Refusal(
                431, f"headers hold at most {HEADERS_MAX_BYTES} bytes", "send fewer or shorter ones"
            )
        if (access.open or access.names) and not (is_loopback(name) or name.lower() in access.names):
            return _Refusal(
                421,
                f"this hub does not answer to the name {name[:80]!r}",
                "open it as http://127.0.0.1" if access.open else "list the name under http.names",
            )
        if scope["method"] not in _SAFE and not _same_origin(headers, host):
            return _Refusal(
                403, "a page of another origin may change nothing here", "act on the hub's own page"
            )
        length = headers.get("content-length", "0")
        if not length.isdigit() or int(length) > BODY_MAX_BYTES:
            return _Refusal(413, f"a request holds at most {BODY_MAX_BYTES} bytes", "send less")
        try:
            return self._enter(scope, headers)
        except sqlite3.Error as error:
            log.error("database: %s; nobody can be recognised", error)
            return _Refusal(503, "the hub can not read who you are", "see the hub's log: disk, rights")

    def _enter(self, scope: Scope, headers: Headers) -> _Refusal | None:
        address = self._access.client(scope, headers)
        state = scope.setdefault("state", {})
        state.update({ACTOR: None, WHO: _nobody, ADDRESS: address, HELD: None})
        if self._access.open:
            state.update({ACTOR: OPEN, WHO: lambda: OPEN})
            return None
        is_public = (scope["method"], scope["path"]) in self._public or scope["path"].startswith(FILES)
        scheme, _, token = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            return self._by_token(state, token.strip(), address)
        held = cookie_parser(headers.get("cookie", "")).get(self._access.cookie)
        actor = None if held is None else self._people.sessions.who(held)
        if held is None or actor is None:
            return None if is_public else _unknown(scope)
        if scope["method"] not in _SAFE and not is_public:
            sent = headers.get(FORM_HEADER, "").encode()
            if not hmac.compare_digest(sent, form_token(held).encode()):
                return _Refusal(
                    403, "the form token of this session is missing", "send X-CSRF-Token, see GET /api/v1/me"
                )
        state.update({ACTOR: actor, WHO: lambda: self._people.sessions.who(held), HELD: held})
        return None

    def _by_token(self, state: dict[str, Any], token: str, address: str) -> _Refusal | None:
        tokens = self._people.tokens
        actor = tokens.who(token)
        if actor is not None:
            state.update({ACTOR: actor, WHO: lambda: tokens.who(token)})
            return None
        wait_s = self._people.attempts.wrong_token(address)
        if wait_s is not None:
            return _Refusal(
                429,
                "too many tokens that do not exist",
                "wait, and check the token that this program sends",
                ((b"retry-after", b"%d" % wait_s),),
            )
        return _Refusal(
            401,
            "this token does not exist, is over, or was revoked",
            "make a new one",
            ((b"www-authenticate", b'Bearer error="invalid_token"'),),
        )


def _nobody() -> None:
    return None


def _unknown(scope: Scope) -> _Refusal:
    if scope["path"] == "/" and scope["method"] in ("GET", "HEAD"):
        location = (b"location", scope.get("root_path", "").encode() + LOGIN_PATH.encode())
        return _Refusal(303, "nobody is logged in here", f"see {LOGIN_PATH}", (location,))
    return _Refusal(
        401, str(ENTER_FIRST["error"]), str(ENTER_FIRST["do"]), ((b"www-authenticate", b"Bearer"),)
    )


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


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


async def _answer(refusal: _Refusal, scope: Scope, send: Send) -> None:
    body = msgspec.json.encode(Problem(error=refusal.problem, do=refusal.do))
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", b"%d" % len(body)),
        *refusal.headers,
    ]
    await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})
