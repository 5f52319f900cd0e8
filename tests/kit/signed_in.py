"""Somebody at the hub without a browser: signs in, keeps cookie and form token, asks."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any

import httpx

PASSWORD = "a few plain words of a test"
ADMINISTRATOR = "anna"
_LINK = re.compile(r"first administrator.*: (https?://\S+)")


def printed_link(log: Path) -> str:
    """The link that the hub printed at its first start."""
    deadline = time.monotonic() + 30
    while True:
        found = _LINK.search(log.read_text(encoding="utf-8"))
        if found:
            return found[1]
        assert time.monotonic() < deadline, "the hub printed no link"
        time.sleep(0.05)


class SignedIn:
    """`me` as the hub says it. Close it, or use it as a context."""

    def __init__(self, url: str, login: str, password: str = PASSWORD) -> None:
        self.http = httpx.Client(base_url=url, timeout=20)
        answer = self.http.post("/api/v1/session", json={"login": login, "password": password})
        assert answer.status_code == 200, answer.text
        self.me: dict[str, Any] = answer.json()
        self.http.headers["X-CSRF-Token"] = self.me["form_token"]

    def __enter__(self) -> SignedIn:
        return self

    def __exit__(self, *_: object) -> None:
        self.http.close()

    def get(self, path: str) -> Any:
        answer = self.http.get(f"/api/v1{path}")
        assert answer.is_success, answer.text
        return answer.json()

    def send(self, method: str, path: str, body: Any = None) -> httpx.Response:
        return self.http.request(method, f"/api/v1{path}", json=body)

    def invite(self, login: str, roles: list[str], sites: list[str] | None = None) -> str:
        """The link of an invitation."""
        body = {"login": login, "display": login.capitalize(), "roles": roles, "sites": sites}
        answer = self.send("POST", "/users", body)
        assert answer.status_code == 201, answer.text
        link: str = answer.json()["link"]
        return link


def take_up(url: str, link: str, **more: str) -> None:
    """Uses a one-time link without a browser: the password is PASSWORD."""
    secret = link.partition("#")[2]
    answer = httpx.post(
        f"{url}/api/v1/links/use", json={"secret": secret, "password": PASSWORD, **more}, timeout=20
    )
    assert answer.status_code == 200, answer.text
