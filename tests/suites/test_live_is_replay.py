"""The same readings through a live hub on media time and through a replay: the same transitions, byte for byte."""

from __future__ import annotations

import io
import random
import sqlite3
import time
from collections.abc import Sequence
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest

from contract.instants import to_ms
from contract.messages import Reading
from hub.replay import read_readings, replay
from hub.site import read_site
from tests.kit.hub_inside import HubInside
from tests.suites.test_hub_replay import SQUARE, START_MS, readings

DECODER = msgspec.json.Decoder(Reading)


def story() -> dict[str, list[Reading]]:
    """A car without a permit five times a second, for a while; a camera that falls silent and comes back."""
    found: dict[str, list[Reading]] = {}
    for line in readings(110):
        one = DECODER.decode(line)
        found.setdefault(one.camera, []).append(one)
    silent = found["cam-2"]
    for second in range(85, 111):
        at_ms = START_MS + 1000 * second
        silent.append(SQUARE.reading(2, seq=len(silent), captured_to_ms=at_ms, people_per_m2=0.3))
    return found


def arrivals(seed: int) -> list[list[Reading]]:
    """An order in which a broker may bring them: cameras up to two seconds apart, in batches of any size."""
    chance = random.Random(seed)
    queues = {camera: list(found) for camera, found in story().items()}
    said_ms = dict.fromkeys(queues, START_MS)
    order: list[Reading] = []
    while any(queues.values()):
        heads = {camera: to_ms(queue[0].captured_to) for camera, queue in queues.items() if queue}
        # nobody waits for a camera that is silent, so what it says first must not come after its time
        back = [camera for camera in heads if heads[camera] - said_ms[camera] > 3000]
        until_ms = min([min(heads.values()) + 2000, *(heads[camera] for camera in back)])
        near = [camera for camera in heads if heads[camera] < until_ms or camera in back[:1]]
        near = [camera for camera in near if heads[camera] <= until_ms]
        camera = chance.choice(sorted(near))
        said_ms[camera] = heads[camera]
        order.append(queues[camera].pop(0))
    batches = []
    while order:
        size = chance.choice([1, 2, 3, 7, 40])
        batches.append(order[:size])
        del order[:size]
    return batches


class Told(NamedTuple):
    """Transitions as stored, in order, and the run that they are of."""

    live: list[bytes]
    run: str


def play(inside: HubInside, batches: Sequence[list[Reading]], chance: random.Random, total: int) -> int:
    """Puts the batches in, with ticks and rounds in between; returns how many readings were heard by then."""
    for batch in batches:
        for one in batch:
            inside.put_reading(one)
        total += len(batch)
        if chance.random() < 0.3:  # a round of its own
            inside.until(lambda: inside.hub.judge.readings == total)  # noqa: B023
        if chance.random() < 0.02:  # long enough for ticks in between
            time.sleep(0.3)
    inside.until(lambda: inside.hub.judge.readings == total)
    return total


def to_the_end(inside: HubInside, folder: Path) -> Told:
    inside.until(lambda: inside.hub.judge.now_ms == START_MS + 110_000)
    inside.until(lambda: inside.hub.live.state().at.endswith("18:01:50.000Z"))  # type: ignore[union-attr]
    with closing(sqlite3.connect(folder / "hub.sqlite3")) as db:
        live = [body for (body,) in db.execute("SELECT body FROM transitions ORDER BY id")]
    return Told(live, inside.hub.store.run)


def replayed(folder: Path, batches: Sequence[list[Reading]], run: str) -> bytes:
    file = folder / "readings.jsonl"
    lines = [msgspec.json.encode(one) for batch in batches for one in batch]
    file.write_bytes(b"\n".join(lines) + b"\n")
    site = read_site(folder / "site.yaml")
    out = io.BytesIO()
    replay(read_readings(file, site), site=site, assessment=None, alerts_out=out, run=run)
    return out.getvalue()


@pytest.mark.parametrize("seed", [1, 2])
def test_byte_for_byte(tmp_path: Path, seed: int) -> None:
    batches = arrivals(seed)
    with HubInside(tmp_path, square=SQUARE) as inside:
        play(inside, batches, random.Random(seed), 0)
        told = to_the_end(inside, tmp_path)
    assert b"".join(one + b"\n" for one in told.live) == replayed(tmp_path, batches, told.run)
    events = [msgspec.json.decode(one)["event"] for one in told.live]
    assert {one["rule"] for one in (msgspec.json.decode(line)["alert"] for line in told.live)} == {
        "vehicle.unauthorised",
        "sensor.silent",
    }
    assert {"open", "return", "close"} <= set(events)


@pytest.mark.parametrize("seed", [3, 10])
def test_byte_for_byte_over_a_restart(tmp_path: Path, seed: int) -> None:
    """Readings that were stored and whose instant was not yet judged are judged by the next hub."""
    batches = arrivals(seed)
    chance = random.Random(seed)
    stops = sorted(chance.sample(range(1, len(batches)), 2))
    inside = HubInside(tmp_path, square=SQUARE)
    heard = 0
    for first, last in pairwise([0, *stops, len(batches)]):
        with inside:
            heard = play(inside, batches[first:last], chance, heard)
            if last == len(batches):
                told = to_the_end(inside, tmp_path)
    assert b"".join(one + b"\n" for one in told.live) == replayed(tmp_path, batches, told.run)
