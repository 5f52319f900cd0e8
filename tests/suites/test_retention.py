"""A running hub forgets old boots by itself, and what still comes of them is refused and shown."""

from __future__ import annotations

import time
from pathlib import Path

import msgspec

from contract import topics
from deploy.demo.broker import free_port
from hub.app import create_app
from hub.batch import Batch, StoredReading
from hub.config import BrokerPart, Config, HttpPart, settings
from hub.ingest import Arrival
from hub.store import Store
from hub.streams import KEPT_MS, Stream
from tests.kit.square import SITE, Square

SQUARE = Square(cameras=1)
TOPIC = topics.READING.address(site=SITE, agent="box-0", camera="cam-0")


def test_an_old_boot_goes_and_stays_out(tmp_path: Path) -> None:
    now_ms = time.time_ns() // 1_000_000
    old_ms = (now_ms - KEPT_MS) // 1000 * 1000 - 60_000
    payload = msgspec.json.encode(SQUARE.reading(0, seq=0, captured_to_ms=old_ms, boot="boot-old"))
    with Store(tmp_path / "hub.sqlite3") as store:
        batch = Batch(at_ms=old_ms)
        batch.streams[1] = Stream(1, "box-0", "boot-old", "cam-0", 0, old_ms, old_ms)
        batch.readings.append(StoredReading(1, 0, old_ms, 0, old_ms, False, payload))
        batch.clocks["box-0", "boot-old"] = 40
        batch.counts["readings"] = 1
        store.write(batch)
    config = Config(
        site=str(SQUARE.write(tmp_path)),
        database=str(tmp_path / "hub.sqlite3"),
        broker=BrokerPart(port=free_port()),
        http=HttpPart(port=free_port(), login="none"),
    )
    hub = create_app(settings(config, folder=tmp_path))
    hub.start()
    try:
        deadline = time.monotonic() + 15

        def until(text: str, true: object) -> None:
            assert time.monotonic() < deadline, f"waited too long for {text}: {true}"
            time.sleep(0.02)

        while hub.ingest.streams.get("box-0", "boot-old", "cam-0") is not None:
            until("the old boot to go", hub.judge.faults)
        hub.judge.inbox.put(Arrival(TOPIC, payload, now_ms, True, 1, 1, 1))
        while not hub.records.refusal_counts():
            until("the refusal", hub.judge.faults)
        assert hub.records.refusal_counts() == {"too_old": 1}
        assert hub.judge.faults == 0
    finally:
        hub.stop()
    with Store(tmp_path / "hub.sqlite3") as store:
        assert (store.clocks(), store.newest_ms(), store.counts()["readings"]) == ({}, None, 1)
