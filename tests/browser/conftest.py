"""A small town for the page: a real broker, a real hub, and cameras that say over MQTT what the test wants seen."""

from __future__ import annotations

import json
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import paho.mqtt.client as mqtt
import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, expect

from contract import topics
from contract.geometry import GridFrame, GroundGrid
from contract.instants import from_ms
from contract.messages import AgentStatus, Reading, VehicleTrack
from deploy.demo import broker
from deploy.demo.parts import Part

SITE, AGENT = "harbour", "box"
CAMERAS = {
    "west": (0, 0, 30, 40),
    "east": (30, 0, 60, 40),
}  # the ground each sees: x0, y0, x1, y1 in site metres
SITE_FILE = {
    "site": SITE,
    "name": "Harbour front (invented)",
    "origin": {"latitude": 44.17, "longitude": 28.65},
    "time_zone": "Europe/Bucharest",
    "cameras": [
        {
            "id": camera,
            "agent": AGENT,
            "name": f"Mast {camera}",
            "position_m": [x0, 20],
            "height_m": 8,
            "vms_url": f"https://vms.example/{camera}",
            "picture": {"width": 640, "height": 480},
            "surfaces": [
                {
                    "id": "ground",
                    "polygon": [[0, 0], [640, 0], [640, 480], [0, 480]],
                    "points": [
                        {"pixel": [0, 480], "site": [x0, y0]},
                        {"pixel": [640, 480], "site": [x1, y0]},
                        {"pixel": [640, 0], "site": [x1, y1]},
                        {"pixel": [0, 0], "site": [x0, y1]},
                    ],
                }
            ],
        }
        for camera, (x0, y0, x1, y1) in CAMERAS.items()
    ],
    "zones": [
        {
            "id": "quay",
            "name": "Quay",
            "pedestrian": True,
            "polygon": [[0, 0], [30, 0], [30, 40], [0, 40]],
        },
        {"id": "market", "name": "Market", "polygon": [[30, 0], [60, 0], [60, 40], [30, 40]]},
    ],
}
# R = sqrt(3 x 4) x 4 = 13.9 for a vehicle on the quay: high, so that it moves the vehicle rules.
ASSESSMENT_FILE = {
    "schema": 1,
    "id": "harbour-assessment",
    "version": 1,
    "status": "approved",
    "site": SITE,
    "synthetic": True,
    "assessors": [{"role": "security advisor", "organisation": "invented municipality"}],
    "walks": [{"date": "2026-05-12", "notes": "Invented."}],
    "reference_people": [{"zone": "quay", "people": 100}],
    "measures": [],
    "scores": [
        {
            "zone": "quay",
            "threat": "vehicle",
            "t": 3,
            "v0": 4,
            "c": 4,
            "rationale": "An open kerb along the whole quay.",
            "confidence": "medium",
        }
    ],
}


@dataclass
class Scene:
    """What the cameras see. Change it at any time; the next second says so."""

    people_per_m2: float = 0.2
    silent: set[str] = field(default_factory=set)
    vehicle_at_m: tuple[float, float] | None = None


class Cameras(threading.Thread):
    """Publishes a Reading of every camera at the end of each UTC second."""

    def __init__(self, port: int, scene: Scene) -> None:
        super().__init__(daemon=True)
        self.scene = scene
        self.over = threading.Event()
        self.seq = dict.fromkeys(CAMERAS, 0)
        self.boot = f"boot-{time.time_ns()}"
        self.client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id="cameras-of-the-test")
        self.client.connect(broker.HOST, port)
        self.client.loop_start()

    def run(self) -> None:
        self._status("online")
        while not self.over.is_set():
            now_ms = time.time_ns() // 1_000_000
            end_ms = now_ms // 1000 * 1000 + 1000
            if self.over.wait((end_ms - now_ms) / 1000):
                return
            for camera in CAMERAS:
                if camera not in self.scene.silent:
                    self._publish(camera, end_ms)

    def stop(self) -> None:
        self.over.set()
        self.join(5)
        self.client.disconnect()
        self.client.loop_stop()

    def _status(self, state: str) -> None:
        status = AgentStatus(
            schema=1, site=SITE, agent=AGENT, boot=self.boot, state=state, sent_at=from_ms(time.time_ns() // 1_000_000),
            version="0.0.0", cameras=tuple(CAMERAS), models=(),
        )  # fmt: skip
        self.client.publish(
            topics.STATUS.address(site=SITE, agent=AGENT), msgspec.json.encode(status), qos=1, retain=True
        )

    def _publish(self, camera: str, end_ms: int) -> None:
        x0, y0, x1, y1 = CAMERAS[camera]
        frame = GridFrame.around((x0, y0, x1, y1), 2.0)
        people = np.full(frame.shape, self.scene.people_per_m2 * 4.0)
        seen = np.ones(frame.shape, dtype=np.bool_)
        vehicles: tuple[VehicleTrack, ...] = ()
        if self.scene.vehicle_at_m is not None and camera == "west":
            x_m, y_m = self.scene.vehicle_at_m
            vehicles = (
                VehicleTrack(
                    id="van-1", kind="truck", x_m=x_m, y_m=y_m, speed_m_s=3.0, speed_sigma_m_s=0.3, heading_deg=70.0,
                    age_s=5.0, confidence=0.9, captured_at=from_ms(end_ms),
                ),
            )  # fmt: skip
        reading = Reading(
            schema=1, site=SITE, agent=AGENT, camera=camera, boot=self.boot, seq=self.seq[camera],
            oldest_seq=self.seq[camera], period_s=1.0, captured_from=from_ms(end_ms - 1000),
            captured_to=from_ms(end_ms),
            sent_at=from_ms(time.time_ns() // 1_000_000), clock="arrival", frames_used=8, frames_dropped=0, model=None,
            calibration=None, grid=GroundGrid(frame, people, people * 0.1, seen, seen).to_wire(),
            people_outside_grid=0.0, vehicles=vehicles, crossings=(),
        )  # fmt: skip
        self.seq[camera] += 1
        self.client.publish(
            topics.READING.address(site=SITE, agent=AGENT, camera=camera), msgspec.json.encode(reading), qos=1
        )


@dataclass
class Harbour:
    """The running town: `url` of the page, `scene` to change, the hub to stop and start."""

    url: str
    scene: Scene
    hub: Part

    def get(self, path: str) -> Any:
        with urllib.request.urlopen(self.url + path, timeout=5) as answer:
            return json.load(answer)

    def start_hub(self) -> None:
        self.hub.start()
        deadline = time.monotonic() + 30
        while True:
            try:
                urllib.request.urlopen(self.url + "/static/main.js", timeout=5).close()
                return
            except OSError:
                if not self.hub.running or time.monotonic() > deadline:
                    raise self.hub.failed("does not answer") from None
                time.sleep(0.1)


@pytest.fixture
def patient() -> Iterator[None]:
    """Assertions wait longer: a login alone takes argon2 a while on a loaded machine."""
    expect.set_options(timeout=20_000)
    yield
    expect.set_options(timeout=5_000)


@pytest.fixture
def more_config(tmp_path: Path) -> dict[str, Any]:
    """What a test module adds to the hub's configuration."""
    return {}


@contextmanager
def running_town(folder: Path, http: dict[str, Any], port: int, **more: Any) -> Iterator[Harbour]:
    """A broker, cameras and a hub with these `http` settings."""
    with broker.NatsServer(folder) as server:
        (folder / "site.yaml").write_text(json.dumps(SITE_FILE), encoding="utf-8")
        (folder / "assessment.yaml").write_text(json.dumps(ASSESSMENT_FILE), encoding="utf-8")
        config = {
            "site": "site.yaml",
            "assessment": "assessment.yaml",
            "database": "hub.sqlite",
            "broker": {"host": broker.HOST, "port": server.port},
            "http": {"host": broker.HOST, "port": port, **http},
            **more,
        }
        (folder / "hub.yaml").write_text(json.dumps(config), encoding="utf-8")
        hub = Part("hub", [sys.executable, "-u", "-m", "hub", "run", str(folder / "hub.yaml")], folder)
        town = Harbour(f"http://{broker.HOST}:{port}", Scene(), hub)
        cameras = Cameras(server.port, town.scene)
        try:
            town.start_hub()
            cameras.start()
            yield town
        finally:
            cameras.stop()
            hub.stop()
            print(f"the hub's log:\n{hub.tail()}")  # shown when the test fails


@pytest.fixture
def harbour(
    tmp_path: Path,
    more_config: dict[str, Any],
    require_part: Callable[[str, object, str], None],
    free_port: Callable[[], int],
) -> Iterator[Harbour]:
    """The town in open mode, as a demo or an exercise runs it: nobody signs in."""
    require_part("nats-server", broker.find_nats_server(), "run `make setup`")
    with running_town(tmp_path, {"login": "none"}, free_port(), **more_config) as town:
        yield town


@dataclass
class Watch:
    """What went wrong or out while a page was open."""

    errors: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    sizes: dict[str, int] = field(default_factory=dict)  # bytes received, headers too, by address
    hub_may_be_down: bool = False
    refusals_expected: bool = False  # Chromium logs every answer of 4xx as an error

    def on_finished(self, request: Request) -> None:
        size = request.sizes()
        self.sizes[request.url] = size["responseBodySize"] + size["responseHeadersSize"]

    def on_console(self, message: ConsoleMessage) -> None:
        refused = self.hub_may_be_down and "net::ERR_" in message.text
        refused = refused or (self.refusals_expected and "status of 409" in message.text)
        if message.type in ("error", "warning") and not refused:
            self.errors.append(f"{message.type}: {message.text}")


@pytest.fixture
def open_page(chromium: Browser, harbour: Harbour) -> Iterator[Callable[..., tuple[Page, Watch]]]:
    """Opens the page; at the end of the test nothing may have gone wrong in it and no other host been asked."""
    opened: list[tuple[BrowserContext, Watch]] = []

    def open_one(width: int = 1440, height: int = 900, **options: Any) -> tuple[Page, Watch]:
        context = chromium.new_context(viewport={"width": width, "height": height}, **options)
        watch = Watch()
        opened.append((context, watch))
        page = context.new_page()
        page.add_init_script(
            "document.addEventListener('securitypolicyviolation', (event) =>"
            " console.error(`policy: ${event.violatedDirective} ${event.blockedURI}`))"
        )
        page.on("console", watch.on_console)
        page.on("pageerror", lambda error: watch.errors.append(f"uncaught: {error}"))
        page.on("request", lambda request: watch.requests.append(request.url))
        page.on("requestfinished", watch.on_finished)
        page.goto(harbour.url)
        return page, watch

    yield open_one
    for context, watch in opened:
        context.close()
        assert watch.errors == []
        strangers = [url for url in watch.requests if not url.startswith((harbour.url + "/", "data:"))]
        assert strangers == []
