"""Security headers and a strict Content-Security-Policy on every answer: each route, each kind of refusal, streams,
files, and bytes that are no request."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.routing import Mount

from deploy.demo.broker import HOST
from hub.api.allowed import walk
from hub.api.guard import BODY_MAX_BYTES, HEADERS_MAX_BYTES
from hub.rights import Role
from tests.kit.hub_inside import HubInside

LONG = b"GET / HTTP/1.1\r\nHost: x\r\nX-Long: "
SAME = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}


@pytest.fixture(scope="module", params=["none", "people"])
def inside(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubInside]:
    with HubInside(tmp_path_factory.mktemp("headers"), http={"login": request.param}) as inside:
        if request.param == "people":
            inside.user("everybody", *Role, sites=("test-square",), password="seven green bicycles")
        inside.pass_time(1)
        yield inside


def logged_in(inside: HubInside) -> dict[str, str]:
    """The headers of a session of its own; none in open mode."""
    if inside.hub.settings.open:
        return {}
    with inside.client_of("everybody") as client:
        return {name: client.headers[name] for name in ("Cookie", "X-CSRF-Token")}


def secured(headers: Mapping[str, str], what: object) -> None:
    policy = dict(part.split(" ", 1) for part in headers["content-security-policy"].split("; "))
    assert policy["default-src"] == "'none'", what
    for name, sources in policy.items():
        for source in sources.split():
            own = source in ("'none'", "'self'") or (name == "img-src" and source == "data:")
            assert own or (name == "script-src" and source.startswith("'sha256-")), (what, name, source)
    for name in ("frame-ancestors", "base-uri"):
        assert policy[name] == "'none'", what
    assert policy["form-action"] == "'self'", what
    assert {name: headers.get(name) for name in SAME} == SAME, what
    assert "camera=()" in headers["permissions-policy"], what
    assert headers["cache-control"] in ("no-store", "no-cache"), what
    assert "server" not in headers, what


def test_every_route_with_and_without_what_it_needs(inside: HubInside) -> None:
    statuses = set()
    with inside.client() as client:
        for route in walk(inside.hub.web.app.routes):
            named = (
                f"{route.path}/main.js"
                if isinstance(route, Mount)
                else re.sub(r"\{\w+\}", "zones", route.path)
            )
            for method in sorted(getattr(route, "methods", None) or {"GET"}):
                for headers in ({}, {"Authorization": "Bearer wrong"}, logged_in(inside)):
                    body = {"json": {}} if method in ("POST", "PUT", "PATCH") else {}
                    with client.stream(method, named, headers=headers, **body) as answer:
                        secured(answer.headers, (method, named, answer.status_code))
                        statuses.add(answer.status_code)
    assert {200, 404, 422} <= statuses
    assert (401 in statuses) == (not inside.hub.settings.open)


@pytest.mark.parametrize(
    ("status", "asked"),
    [
        (404, {"url": "/nothing/here"}),
        (404, {"url": "/static/none.js"}),
        (404, {"url": "/static/..%2fapp.py"}),
        (405, {"method": "DELETE", "url": "/api/v1/site"}),
        (405, {"method": "POST", "url": "/static/main.js"}),
        (403, {"method": "POST", "url": "/api/v1/permits", "headers": {"Origin": "https://evil.example"}}),
        (413, {"method": "POST", "url": "/api/v1/permits", "content": b" " * (BODY_MAX_BYTES + 1)}),
        (431, {"url": "/api/v1/site", "headers": {"X-Long": "x" * (HEADERS_MAX_BYTES + 1)}}),
        (422, {"url": "/api/v1/alerts", "params": {"limit": "many"}}),
        (422, {"method": "POST", "url": "/api/v1/permits", "content": b"{"}),
        (422, {"method": "POST", "url": "/api/v1/permits", "content": b"\xff\xfe"}),
        (200, {"url": "/static/main.js", "headers": {"Accept-Encoding": "gzip"}}),
        (304, {"url": "/static/main.js", "headers": {"If-None-Match": "*"}}),
        (206, {"url": "/static/main.js", "headers": {"Range": "bytes=0-9"}}),
        (416, {"url": "/static/main.js", "headers": {"Range": "bytes=99999999-"}}),
        (200, {"url": "/api/v1/events"}),
    ],
)
def test_every_kind_of_answer(inside: HubInside, status: int, asked: dict[str, Any]) -> None:
    given = {"method": "GET", "headers": {}, **asked}
    given["headers"] = {**logged_in(inside), **given["headers"]}
    if given["headers"].get("If-None-Match"):
        with inside.client() as client:
            given["headers"]["If-None-Match"] = client.get(given["url"], headers=given["headers"]).headers[
                "etag"
            ]
    with inside.client() as client, client.stream(**given) as answer:
        assert answer.status_code == status
        secured(answer.headers, given)
        if status >= 400 and given["method"] != "HEAD" and not given["url"].startswith("/static"):
            answer.read()
            assert set(answer.json()) == {"error", "do"}


def test_a_strange_host(inside: HubInside) -> None:
    with inside.client() as client:
        answer = client.get("/api/v1/site", headers={"Host": "evil.example"})
    assert answer.status_code == (421 if inside.hub.settings.open else 401)
    secured(answer.headers, answer)


@pytest.mark.parametrize(
    ("status", "sent"),
    [
        (400, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 a TLS hello\r\n\r\n"),
        (400, b"GET / HTTP/1.1\r\n\r\n"),  # without a host
        (400, b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: one\r\n\r\n"),
        (431, LONG + b"x" * (HEADERS_MAX_BYTES + 1 - len(LONG))),  # not a byte more: none is left unread
    ],
    ids=["TLS", "no host", "no length", "headers without end"],
)
def test_bytes_that_are_no_request(inside: HubInside, status: int, sent: bytes) -> None:
    with socket.create_connection((HOST, inside.port), timeout=15) as peer:
        peer.sendall(sent)
        taken = b""
        while chunk := peer.recv(65_536):
            taken += chunk
    head, _, body = taken.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    assert lines[0].split()[1] == str(status)
    secured(httpx.Headers([tuple(line.split(": ", 1)) for line in lines[1:]]), lines)
    assert set(httpx.Response(status, content=body).json()) == {"error", "do"}


def test_the_policy_holds_where_the_application_itself_breaks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with HubInside(tmp_path) as inside, inside.client() as client:
        monkeypatch.setattr(inside.hub.records, "alerts", lambda **_: 1 / 0)
        answer = client.get("/api/v1/alerts")
        assert (answer.status_code, set(answer.json())) == (500, {"error", "do"})
        assert "ZeroDivisionError" in answer.text
        secured(answer.headers, answer)
