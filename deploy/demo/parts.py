"""The demo's processes: a broker, a hub and one agent on loopback, each a child that can be killed and restarted.

The demo runs them; the pipeline tests pull them apart; the bench measures them.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from contract.site_file import read_shared
from deploy.demo.broker import HOST, NatsServer, free_port
from models.manifest import manifest
from models.store import located

ROOT = Path(__file__).parents[2]
DEMO = Path(__file__).parent
CLIP = DEMO / "market-evening.mp4"
TRUTH = DEMO / "market-evening.truth.json"
SITE = DEMO / "site.yaml"
ASSESSMENT = DEMO / "assessment.yaml"
PEOPLE_MAP = DEMO / "mast.people-map"
"""What `esplanade-models calibrate fit` laid behind the shipped detector for this camera (docs/demo-scene.md)."""
START_TIMEOUT_S = 60.0  # [E] a Pi needs about 10 s to import the hub for the first time
STOP_TIMEOUT_S = 15.0
LIVE_FRAMES_PER_S = 5  # [E] half of one core with the shipped detector; the other half draws the page


def calibrated(people_map: Path) -> bytes:
    """The model file for the demo's camera: the shipped detector with the people map that was fitted to it."""
    return located(manifest().named(manifest().default)).read_bytes() + people_map.read_bytes()


class PartError(Exception):
    """A part of the demo did not start or did not end; the message holds the tail of its log."""


class Part:
    """One child process with its log. It runs in its own session, so that Ctrl-C reaches the demo alone."""

    def __init__(self, name: str, command: list[str], folder: Path) -> None:
        self.name = name
        self.command = command
        self.log = folder / f"{name}.log"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command,
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        if self.process is None:
            raise PartError(f"{self.name} is not running")
        return self.process.pid

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def kill9(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def stop(self) -> int | None:
        """SIGTERM, then SIGKILL when it does not listen. Returns the exit status."""
        if self.process is None:
            return None
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                self.kill9()
        return self.process.returncode

    def tail(self, characters: int = 3000) -> str:
        return (
            self.log.read_text(encoding="utf-8", errors="replace")[-characters:] if self.log.exists() else ""
        )

    def failed(self, problem: str) -> PartError:
        return PartError(f"{self.name}: {problem}; the end of {self.log}:\n{self.tail()}")


class Town:
    """Broker, hub and agent of one made-up town in one folder. Without more it is the demo's clip on the demo's site.

    `once`: the footage goes through one time as fast as the machine can, on media time. Otherwise it loops in real
    time. `camera`: the one of the site that sees the footage; its first when left out. `people_map`: the density model
    of that camera; None, or another `model` than the shipped one, leaves it to the detector alone. Ports are fixed at
    construction, so a killed part comes back where the others look for it. Raises FileError when the site is unusable.
    """

    def __init__(
        self,
        folder: Path,
        *,
        once: bool,
        footage: Path = CLIP,
        http_port: int | None = None,
        site: Path = SITE,
        assessment: Path | None = ASSESSMENT,
        truth: Path | None = TRUTH,
        people_map: Path | None = PEOPLE_MAP,
        camera: str | None = None,
        model: str | None = None,
        webhooks: tuple[str, ...] = (),
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.http_port = http_port or free_port()
        self.broker = NatsServer(folder)
        cameras = {one.id: one for one in read_shared(site).cameras}
        camera = camera or next(iter(cameras))
        if camera not in cameras:
            raise PartError(f"{site}: has no camera {camera}; it has {', '.join(cameras)}")
        hub: dict[str, Any] = {
            "site": str(site.resolve()),
            "assessment": str(assessment.resolve()) if assessment is not None else None,
            "database": str(folder / "hub.sqlite"),
            "clock": "media" if once else "wall",
            "broker": {"host": HOST, "port": self.broker.port},
            "http": {"host": HOST, "port": self.http_port, "login": "none"},
            "webhooks": [{"url": url} for url in webhooks],
            "truth": str(truth.resolve()) if truth is not None else None,
        }
        density: dict[str, Any] = {}
        if people_map is not None and model is None:
            (folder / "calibrated.onnx").write_bytes(calibrated(people_map))
            density = {"density": {"use": "calibrated", "file": str(folder / "calibrated.onnx")}}
        agent: dict[str, Any] = {
            "agent": cameras[camera].agent,
            "site": str(site.resolve()),
            "outbox": str(folder / "outbox.sqlite"),
            "broker": {"host": HOST, "port": self.broker.port},
            "cameras": [
                {
                    "id": camera,
                    "source": {"file": str(footage.resolve()), "loop": not once, "real_time": not once},
                    **({} if once else {"frames_per_s": LIVE_FRAMES_PER_S}),
                    **density,
                }
            ],
        }
        if model is not None:
            agent["model"] = model
        # JSON is YAML, so our files need no second writer.
        (folder / "hub.yaml").write_text(json.dumps(hub, indent=2), encoding="utf-8")
        (folder / "edge.yaml").write_text(json.dumps(agent, indent=2), encoding="utf-8")
        self.hub = Part("hub", [sys.executable, "-m", "hub", "run", str(folder / "hub.yaml")], folder)
        until = ["--until-settled"] if once else []
        self.agent = Part(
            "agent", [sys.executable, "-m", "edge", "run", str(folder / "edge.yaml"), *until], folder
        )

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.http_port}"

    def start(self) -> None:
        """Broker, hub, agent, in this order. Raises PartError or BrokerError with the part's own words."""
        self.broker.start()
        self.start_hub()
        self.agent.start()

    def start_hub(self) -> None:
        self.hub.start()
        self.wait(lambda: self.get("/api/v1/site") is not None, self.hub, "did not answer", START_TIMEOUT_S)

    def stop(self) -> None:
        self.agent.stop()
        self.hub.stop()
        self.broker.stop()

    def get(self, path: str) -> Any:
        """The hub's JSON answer, or None while it does not answer."""
        try:
            with urllib.request.urlopen(self.url + path, timeout=10) as answer:
                return json.load(answer)
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return None

    def post(self, path: str, body: dict[str, Any]) -> Any:
        request = urllib.request.Request(
            self.url + path,
            data=json.dumps(body).encode(),
            headers={"Content-Type": "application/json", "Origin": self.url},
            method="POST",
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)

    def wait(self, done: Callable[[], bool], part: Part, problem: str, timeout_s: float) -> None:
        """Until `done`. Raises PartError when `part` ends first or time runs out."""
        deadline = time.monotonic() + timeout_s
        while not done():
            if not part.running:
                raise part.failed(f"ended with {part.process.returncode if part.process else 'nothing'}")
            if time.monotonic() > deadline:
                raise part.failed(f"{problem} within {timeout_s:g} s")
            time.sleep(0.1)
