"""A real hub as a child process, and the few requests that tests ask of it."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

from deploy.demo.broker import HOST, free_port

ROOT = Path(__file__).resolve().parents[2]
START_S = 30.0


class HubProcess:
    """`python -m hub run` on 127.0.0.1. It keeps its port and its database over a restart."""

    def __init__(self, folder: Path, *, site: Path, broker_port: int, **config: Any) -> None:
        self.folder = folder
        self.port = free_port()
        self.database = folder / "hub.sqlite3"
        self.log = folder / "hub.log"
        self.config = folder / "hub.yaml"
        self.config.write_text(
            json.dumps(
                {
                    "site": str(site),
                    "database": str(self.database),
                    "broker": {"host": HOST, "port": broker_port},
                    "http": {"host": HOST, "port": self.port, "login": "none"},
                    **config,
                }
            ),
            encoding="utf-8",
        )
        self.command = ["-m", "hub", "run", str(self.config)]
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            status = self.stop()
            assert status == 0, self.log.read_text()

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self, *, wait: bool = True) -> Self:
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, *self.command], cwd=ROOT, stdout=log, stderr=log
            )
        if wait:
            self.until(lambda: self.get("/api/v1/site") is not None, "the hub to answer")
        return self

    def kill9(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait()
        self._process = None

    def stop(self) -> int:
        assert self._process is not None
        self._process.terminate()
        try:
            status = self._process.wait(20)
        except subprocess.TimeoutExpired:
            self.kill9()
            raise
        self._process = None
        return status

    def request(self, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"http://{HOST}:{self.port}{path}", data=data)
        request.add_header("Content-Type", "application/json")
        for name, value in headers.items():
            request.add_header(name.replace("_", "-"), value)
        try:
            with urllib.request.urlopen(request, timeout=15) as answer:
                return answer.status, json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read() or b"null")

    def get(self, path: str) -> Any:
        """The answer, or None where there is none (yet)."""
        try:
            status, answer = self.request(path)
        except OSError:
            return None
        return answer if status == 200 else None

    def state(self) -> Any:
        return self.get("/api/v1/state")

    def count(self, name: str) -> int:
        state = self.state()
        return 0 if state is None else state["hub"][name]

    def until(self, true: Callable[[], object], what: str, timeout_s: float = START_S) -> Any:
        deadline = time.monotonic() + timeout_s
        while not (found := true()):
            if self._process is None or self._process.poll() is not None:
                raise AssertionError(
                    f"the hub ended while waiting for {what}:\n{self.log.read_text()[-4000:]}"
                )
            if time.monotonic() > deadline:
                raise AssertionError(f"waited {timeout_s:g} s for {what}:\n{self.log.read_text()[-4000:]}")
            time.sleep(0.05)
        return found
