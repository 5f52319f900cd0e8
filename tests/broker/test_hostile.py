"""Hostile and broken messages over a real broker: refused, counted, shown; the good ones beside them go in."""

from __future__ import annotations

import json
import math
import time
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from contract import limits, topics
from contract.geometry import GridFrame, GroundGrid
from contract.messages import Crossing
from deploy.demo.broker import NatsServer
from tests.kit.hub_process import HubProcess
from tests.kit.small_agent import SmallAgent
from tests.kit.square import SITE, Square

SQUARE = Square(cameras=2)
TOPIC = topics.READING.address(site=SITE, agent="box-0", camera="cam-0")


def wall_ms() -> int:
    return time.time_ns() // 1_000_000


def good(**changes: Any) -> dict[str, Any]:
    """A reading that would be accepted, as a dictionary, with some keys changed."""
    reading = SQUARE.reading(0, seq=900, captured_to_ms=wall_ms(), boot="hostile")
    return {**msgspec.to_builtins(reading), **changes}


def grid(**changes: Any) -> dict[str, Any]:
    value = good()
    return {**value, "grid": {**value["grid"], **changes}}


def as_bytes(value: Any) -> bytes:
    return json.dumps(value).encode()


def huge_grid() -> dict[str, Any]:
    side = 100
    frame = GridFrame(2.0, 0, 0, side, side)
    full = np.ones(frame.shape)
    wire = GroundGrid(frame, full, full, full.astype(bool), full.astype(bool)).to_wire()
    return good(grid=msgspec.to_builtins(wire))


def cases() -> list[tuple[str, str, bytes]]:
    """(reason expected, topic, payload)."""
    far = msgspec.to_builtins(
        SQUARE.reading(0, seq=901, captured_to_ms=wall_ms() + 3_600_000, boot="hostile")
    )
    sent = msgspec.to_builtins(SQUARE.reading(0, seq=1, captured_to_ms=wall_ms()))["sent_at"]
    stranger = topics.READING.address(site=SITE, agent="box-0", camera="cam-9")
    elsewhere = topics.READING.address(site="other-square", agent="box-0", camera="cam-0")
    line = [msgspec.to_builtins(Crossing(line="no-line", kind="person", forward=1, backward=0))]
    dense = as_bytes(grid(people=msgspec.to_builtins((np.full(400, 65_535, "<u2")).tobytes())))
    return [
        ("not_json", TOPIC, b""),
        ("not_json", TOPIC, b"{"),
        ("not_utf8", TOPIC, b'{"site": "\xff\xfe"}'),
        ("wrong_shape", TOPIC, b"[" * 50_000),
        ("not_json", TOPIC, b'{"more": ' + b"[" * 50_000),
        ("wrong_shape", TOPIC, b"[]"),
        ("wrong_shape", TOPIC, b"null"),
        ("wrong_shape", TOPIC, as_bytes(good(seq="five"))),
        ("wrong_shape", TOPIC, as_bytes(good(vehicles={"a": 1}))),
        ("wrong_shape", TOPIC, as_bytes(grid(people="!!! not base64"))),
        ("not_json", TOPIC, as_bytes(good(people_outside_grid=math.nan))),
        ("not_json", TOPIC, as_bytes(good(period_s=math.inf))),
        ("out_of_range", TOPIC, as_bytes(good(seq=-1))),
        ("out_of_range", TOPIC, as_bytes(good(people_outside_grid=1e300))),
        ("out_of_range", TOPIC, as_bytes(good(oldest_seq=901))),
        ("schema_too_new", TOPIC, as_bytes(good(schema=2))),
        ("grid_broken", TOPIC, as_bytes(huge_grid())),
        ("grid_broken", TOPIC, as_bytes(grid(columns=4096, rows=4096))),
        ("grid_broken", TOPIC, dense),
        ("grid_broken", TOPIC, as_bytes(grid(origin_m=[0.5, 0.0]))),
        ("grid_broken", TOPIC, as_bytes(grid(cell_m=4.0))),
        ("time_broken", TOPIC, as_bytes(good(captured_to="2026-13-01T00:00:00.000Z"))),
        ("time_broken", TOPIC, as_bytes(good(captured_from=good()["captured_to"]))),
        ("future", TOPIC, as_bytes({**far, "sent_at": sent})),
        ("too_large", TOPIC, as_bytes(good(more="x" * 200 * 1024))),
        ("topic_mismatch", TOPIC, as_bytes(good(camera="cam-1"))),
        ("unknown_camera", stranger, as_bytes(good(camera="cam-9"))),
        ("unknown_line", TOPIC, as_bytes(good(crossings=line))),
        ("unknown_site", elsewhere, as_bytes(good(site="other-square"))),
        ("unknown_topic", f"esplanade/v1/{SITE}/hub/cam-0/reading", as_bytes(good())),
        ("topic_mismatch", f"esplanade/v1/{SITE}/Box/cam-0/reading", as_bytes(good())),
        ("wrong_shape", f"esplanade/v1/{SITE}/box-0/status", b"{}"),
        ("wrong_shape", f"esplanade/v1/{SITE}/box-0/cam-0/health", as_bytes(good())),
    ]


def test_refused_counted_and_shown(nats_server: NatsServer, tmp_path: Path) -> None:
    site = SQUARE.write(tmp_path)
    hostile = cases()
    with (
        HubProcess(tmp_path, site=site, broker_port=nats_server.port) as hub,
        SmallAgent("box-0", nats_server.port) as agent,
        SmallAgent("box-evil", nats_server.port) as evil,
    ):
        for number, (_, topic, payload) in enumerate(hostile):
            evil.say(topic, payload)
            agent.accept(SQUARE.reading(0, seq=number, captured_to_ms=wall_ms()))
        assert agent.drained()
        hub.until(lambda: hub.count("refused") >= len(hostile), "the refusals to be counted")
        refusals = hub.get("/api/v1/devices")["refusals"]
        expected: dict[str, int] = {}
        for reason, _, _ in hostile:
            expected[reason] = expected.get(reason, 0) + 1
        assert refusals["by_reason"] == expected
        assert len(refusals["latest"]) == len(hostile)
        shown = {one["reason"] for one in refusals["latest"]}
        assert shown == set(expected)
        assert all(
            len(one["first_bytes"].encode()) <= 4 * limits.REFUSED_KEPT_BYTES for one in refusals["latest"]
        )
        assert all(one["detail"] for one in refusals["latest"])
        state = hub.state()
        assert (state["hub"]["readings"], state["hub"]["faults"]) == (len(hostile), 0)


@pytest.mark.timeout(60)
def test_the_newest_refusals_are_kept(nats_server: NatsServer, tmp_path: Path) -> None:
    site = SQUARE.write(tmp_path)
    count = limits.REFUSED_KEPT + 200
    with (
        HubProcess(tmp_path, site=site, broker_port=nats_server.port) as hub,
        SmallAgent("box-evil", nats_server.port) as evil,
    ):
        for number in range(count):
            evil.say(TOPIC, b"nonsense %d " % number + b"x" * 5000)
        hub.until(lambda: hub.count("refused") >= count, "the refusals to be counted")
        newest = hub.get("/api/v1/devices")["refusals"]["latest"][0]
        assert newest["first_bytes"].startswith(f"nonsense {count - 1} ")
        assert newest["size"] > limits.REFUSED_KEPT_BYTES == len(newest["first_bytes"])
    import sqlite3

    with sqlite3.connect(hub.database) as db:
        assert db.execute("SELECT count(*) FROM refusals").fetchone() == (limits.REFUSED_KEPT,)


def test_what_can_be_mended_is_not_settled(nats_server: NatsServer, tmp_path: Path) -> None:
    """A camera missing from the site file: its readings wait in the outbox and come in once it is there."""
    site = Square(cameras=1).write(tmp_path)
    hub = HubProcess(tmp_path, site=site, broker_port=nats_server.port).start()
    with SmallAgent("box-0", nats_server.port) as agent:
        agent.accept(SQUARE.reading(1, seq=0, captured_to_ms=wall_ms()))
        hub.until(lambda: hub.count("refused") >= 1, "the refusal")
        assert not agent.drained(timeout_s=2.5)
        assert hub.stop() == 0
        SQUARE.write(tmp_path)
        hub.start()
        assert agent.drained()
        assert hub.stop() == 0


def test_what_is_refused_for_good_is_settled(nats_server: NatsServer, tmp_path: Path) -> None:
    """An agent with a broken grid is told so and does not send it for ever."""
    site = SQUARE.write(tmp_path)
    with (
        HubProcess(tmp_path, site=site, broker_port=nats_server.port) as hub,
        SmallAgent("box-0", nats_server.port) as agent,
    ):
        for seq in range(4):
            reading = SQUARE.reading(0, seq=seq, captured_to_ms=wall_ms())
            assert reading.grid is not None
            if seq in (0, 2):
                reading = msgspec.structs.replace(
                    reading, grid=msgspec.structs.replace(reading.grid, observed=b"\xff")
                )
            agent.accept(reading)
        assert agent.drained()
        told = [(one.camera, one.seq, one.reason) for one in agent.acks[-1].refused]
        assert set(told) == {("cam-0", 0, "grid_broken"), ("cam-0", 2, "grid_broken")}
        hub.until(lambda: hub.count("readings") == 2, "the good ones")
