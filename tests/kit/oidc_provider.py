"""A real OpenID Connect provider in a process of its own, and a visitor who passes its pages without a browser."""

from __future__ import annotations

import json
import os
import queue
import subprocess
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import httpx

from deploy.build.page_vendor import wheel_node

FOLDER = Path(__file__).parents[1] / "provider"
HOST = "127.0.0.1"
WAIT_S = 30.0


def missing() -> str | None:
    """What the provider lacks here, or None."""
    if wheel_node() is None:
        return "no node: run `make setup`"
    if not (FOLDER / "node_modules" / "oidc-provider").is_dir():
        return "run `.venv/bin/python -m deploy.build.test_provider`, as `make test` does"
    return None


@dataclass
class OidcProvider:
    """`accounts`: name -> claims. Each start makes new keys under the name `kid`."""

    port: int
    hub: str
    accounts: dict[str, dict[str, Any]]
    client_id: str = "esplanade"
    client_secret: str = "a-secret-of-the-tests"
    kid: str = "first"
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def issuer(self) -> str:
        return f"http://{HOST}:{self.port}"

    def start(self) -> None:
        settings = {
            "issuer": self.issuer,
            "client_id": self.client_id,
            "client_secret": self.client_secret,
            "redirect_uri": f"{self.hub}/login/oidc/return",
            "signed_out_uri": f"{self.hub}/login",
            "accounts": self.accounts,
            "kid": self.kid,
            **self.options,
        }
        self._lines: queue.Queue[str] = queue.Queue()
        self.process = subprocess.Popen(
            [str(wheel_node()), str(FOLDER / "provider.mjs"), json.dumps(settings)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, "NODE_ENV": "test"},
        )
        threading.Thread(target=self._read, args=(self.process.stdout,), daemon=True).start()
        self._wait("ready")

    def spoil(self, what: str) -> None:
        """The next token answer is falsified (provider.mjs says how)."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"spoil {what}\n")
        self.process.stdin.flush()
        self._wait(f"spoil {what}")

    def stop(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait(WAIT_S)

    def __enter__(self) -> OidcProvider:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _read(self, stream: Any) -> None:
        for line in stream:
            self._lines.put(line.strip())
        self._lines.put("(ended)")

    def _wait(self, wanted: str) -> None:
        seen = []
        while True:
            line = self._lines.get(timeout=WAIT_S)
            if line == wanted:
                return
            seen.append(line)
            if line == "(ended)":
                raise AssertionError("the provider ended:\n" + "\n".join(seen))


def visit(client: httpx.Client, address: str, *, login: str, back: str) -> str:
    """Signs in on the provider's own pages, as a browser would, until it sends the visitor `back`; that address."""
    answer = client.get(address)
    for _ in range(12):
        if answer.is_redirect:
            target = urljoin(str(answer.url), answer.headers["location"])
            if target.startswith(back):
                return target
            answer = client.get(target)
            continue
        assert answer.status_code == 200, answer.text
        form = answer.text.split("<form", 1)[1]
        action = form.split('action="', 1)[1].split('"', 1)[0]
        prompt = form.split('name="prompt" value="', 1)[1].split('"', 1)[0]
        answer = client.post(
            urljoin(str(answer.url), action), data={"prompt": prompt, "login": login, "password": "any"}
        )
    raise AssertionError("the provider never sent the visitor back")
