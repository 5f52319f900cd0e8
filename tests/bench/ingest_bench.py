"""How fast the hub takes in readings, beside what a bare paho QoS 1 subscriber receives from the same broker.

Both have a stored session while the readings are published, so both find the same full queue; then each drains it
alone. The hub is the real one: it decodes, judges every captured second, stores with a commit that survives a power
cut, and acknowledges. It runs on media time, since readings come faster than time passes. Rounds alternate.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT)]

from hub.app import create_app  # noqa: E402 isort: skip  first, as in the hub's process: see hub/__init__.py
from hub.config import BrokerPart, Config, HttpPart, settings  # noqa: E402 isort: skip

import msgspec  # noqa: E402
import numpy as np  # noqa: E402
import paho.mqtt.client as mqtt  # noqa: E402
from paho.mqtt.enums import CallbackAPIVersion  # noqa: E402

from contract import topics  # noqa: E402
from contract.geometry import GroundGrid  # noqa: E402
from contract.messages import Grid, Reading  # noqa: E402
from deploy.demo.broker import HOST, NatsServer, free_port  # noqa: E402
from tests.kit.square import CELL_M, SITE, VIEW_M, Square  # noqa: E402

CAMERAS = 20
SECONDS = 300  # captured seconds in a round: 6,000 readings
ROUNDS = 3
MOMENTS = 20
START_MS = 1_781_978_400_000
DRAIN_TIMEOUT_S = 120.0
BARE_ID = "bench-bare"
# half overlapping, as cameras round a square do
SQUARE = Square(cameras=CAMERAS, across=5, spacing_m=20.0, zones=10)


class Drained(NamedTuple):
    """Readings a second, and processor time a reading: the second holds also where others use the machine."""

    per_s: float
    cpu_us: float


def measure() -> dict[str, Any]:
    """Readings a second, medians over the rounds, and their ratio."""
    bare: list[Drained] = []
    hub: list[Drained] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        site = SQUARE.write(folder)
        (folder / "broker").mkdir()
        with NatsServer(folder / "broker") as broker:
            _drain_hub(folder, site, broker.port, 0)  # makes the session
            _drain_bare(broker.port, 0)
            for number in range(ROUNDS):
                _publish(broker.port, number)
                parts = ("bare", "hub") if number % 2 == 0 else ("hub", "bare")
                for part in parts:
                    if part == "bare":
                        bare.append(_drain_bare(broker.port, CAMERAS * SECONDS))
                    else:
                        hub.append(_drain_hub(folder, site, broker.port, CAMERAS * SECONDS))
        stored = (folder / "hub.sqlite3").stat().st_size
    bare_per_s = statistics.median(one.per_s for one in bare)
    hub_per_s = statistics.median(one.per_s for one in hub)
    return {
        "reading_bytes": len(msgspec.json.encode(_readings(0, 1)[0])),
        "cells": 400,
        "cameras": CAMERAS,
        "zones": SQUARE.zones,
        "readings_a_round": CAMERAS * SECONDS,
        "rounds": ROUNDS,
        "bare_paho_readings_per_s": round(bare_per_s),
        "hub_readings_per_s": round(hub_per_s),
        "hub_over_bare": round(hub_per_s / bare_per_s, 3),
        "hub_over_bare_each_round": [round(h.per_s / b.per_s, 3) for h, b in zip(hub, bare, strict=True)],
        "bare_paho_cpu_us_a_reading": round(statistics.median(one.cpu_us for one in bare), 1),
        "hub_cpu_us_a_reading": round(statistics.median(one.cpu_us for one in hub), 1),
        "database_bytes_a_reading": round(stored / (ROUNDS * CAMERAS * SECONDS)),
    }


def _crowd(rng: np.random.Generator) -> list[Grid]:
    """One moment of the square as each camera sees it: the same people, counted a little differently."""
    columns, rows = (int((SQUARE.corner(CAMERAS - 1)[i] + VIEW_M) / CELL_M) for i in (0, 1))
    truth = rng.poisson(0.5, (rows, columns)) + rng.integers(0, 50, (rows, columns)) / 100.0
    found = []
    for camera in range(CAMERAS):
        ground = SQUARE.ground(camera, 0.0)
        row, column = ground.frame.row0, ground.frame.column0
        seen = truth[row : row + ground.frame.rows, column : column + ground.frame.columns]
        people = np.clip(seen + rng.normal(0.0, 0.05, seen.shape), 0.0, 2.0 * CELL_M**2)
        wire = GroundGrid(ground.frame, people, 0.1 + people * 0.1, ground.covered, ground.observed).to_wire()
        found.append(wire)
    return found


def _readings(number: int, seconds: int = SECONDS) -> list[Reading]:
    """One round: every camera once a second; the crowd changes from second to second."""
    rng = np.random.default_rng(number)
    moments = [_crowd(rng) for _ in range(MOMENTS)]
    found = []
    for second in range(seconds):
        seq = number * SECONDS + second
        for camera in range(CAMERAS):
            reading = SQUARE.reading(
                camera, seq=seq, captured_to_ms=START_MS + (seq + 1) * 1000, people_per_m2=None
            )
            found.append(msgspec.structs.replace(reading, grid=moments[second % MOMENTS][camera]))
    return found


def _publish(port: int, number: int) -> None:
    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="bench-agent")
    client.max_inflight_messages_set(500)
    client.connect(HOST, port)
    client.loop_start()
    last = None
    for reading in _readings(number):
        topic = topics.READING.address(site=SITE, agent=reading.agent, camera=reading.camera)
        last = client.publish(topic, msgspec.json.encode(reading), qos=1)
    assert last is not None
    last.wait_for_publish(DRAIN_TIMEOUT_S)
    client.disconnect()
    client.loop_stop()


def _drain_bare(port: int, count: int) -> Drained:
    return _child("bare", {"port": port, "count": count})


def _drain_hub(folder: Path, site: Path, port: int, count: int) -> Drained:
    return _child("hub", {"folder": str(folder), "site": str(site), "port": port, "count": count})


def _child(part: str, options: dict[str, Any]) -> Drained:
    """What the part took in; a process of its own, so that neither warms the other up."""
    done = subprocess.run(
        [sys.executable, __file__, part, json.dumps(options)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        timeout=2 * DRAIN_TIMEOUT_S,
        check=True,
    )
    per_s, cpu_us = done.stdout.split()[-2:]
    return Drained(float(per_s), float(cpu_us))


def bare_main(port: int, count: int) -> Drained:
    """paho as it comes: acknowledges after on_message returns, which only counts."""
    times: list[float] = []
    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=BARE_ID, clean_session=False)
    client.on_connect = lambda c, *_: c.subscribe(topics.READING.filter(), qos=1)
    client.on_message = lambda *_: times.append(time.perf_counter())
    client.connect(HOST, port)
    cpu_s = time.process_time()
    client.loop_start()
    if not count:
        time.sleep(1.0)
    else:
        _wait(lambda: len(times) >= count, "bare subscriber", lambda: len(times))
    cpu_s = time.process_time() - cpu_s
    client.disconnect()
    client.loop_stop()
    return Drained(count / (times[count - 1] - times[0]), cpu_s / count * 1e6) if count else Drained(0.0, 0.0)


def hub_main(folder: str, site: str, port: int, count: int) -> Drained:
    """The hub of `hub.app`, from the first reading's arrival to the commit and acknowledgement of the last."""
    config = Config(
        site=site,
        database="hub.sqlite3",
        clock="media",
        broker=BrokerPart(port=port),
        http=HttpPart(port=free_port(), login="none"),
    )
    hub = create_app(settings(config, folder=Path(folder)))
    before = hub.judge.readings
    hub.start()
    try:
        if not count:
            _wait(lambda: hub.link.state.connected, "hub", lambda: 0)
            time.sleep(1.0)
            return Drained(0.0, 0.0)
        _wait(
            lambda: hub.judge.readings > before or not hub.judge.inbox.empty(),
            "hub",
            lambda: 0,
            poll_s=0.0005,
        )
        started, cpu_s = time.perf_counter(), time.process_time()
        _wait(lambda: hub.judge.readings - before >= count, "hub", lambda: hub.judge.readings - before)
        ended, cpu_s = time.perf_counter(), time.process_time() - cpu_s
        time.sleep(1.5)  # the last acknowledgements leave
        state = hub.live.state()
        assert state is not None and state.hub.faults == 0, state
        assert state.hub.late == 0, state.hub
        return Drained(count / (ended - started), cpu_s / count * 1e6)
    finally:
        hub.stop()


def _wait(done: Any, who: str, so_far: Any, poll_s: float = 0.005) -> None:
    deadline = time.perf_counter() + DRAIN_TIMEOUT_S
    while not done():
        if time.perf_counter() > deadline:
            raise AssertionError(f"{who}: {so_far()} readings after {DRAIN_TIMEOUT_S:g} s")
        time.sleep(poll_s)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        part = {"bare": bare_main, "hub": hub_main}[sys.argv[1]]
        print(*part(**json.loads(sys.argv[2])))
    else:
        print(json.dumps(measure(), indent=1))
