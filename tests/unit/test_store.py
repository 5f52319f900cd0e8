from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from contract.messages import Alert
from hub import migrate
from hub.batch import Batch, CameraMinute, Refusal, Said, StoredReading, ZoneMinute
from hub.notify.outbox import DeliveryResult
from hub.records import Records
from hub.retention import Retention
from hub.step import Transition
from hub.store import Store, StoreError
from hub.streams import Stream
from tests.kit.telling import told


def alert(**changes: object) -> Alert:
    one = Alert(
        schema=1,
        site="s",
        alert="0" * 20,
        rule="occupancy",
        title="t",
        subject="z",
        zone="z",
        severity="low",
        condition="active",
        handling="unacknowledged",
        latched=False,
        opened_at="2026-06-20T18:00:00.000Z",
        changed_at="2026-06-20T18:00:00.000Z",
        cleared_at=None,
        closed_at=None,
        acknowledged_by=None,
        acknowledged_at=None,
        shelved_until=None,
        escalation=0,
        position_m=None,
        cameras=(),
        vms_url=None,
        reasons=(),
        advice=(),
        certainty="",
    )
    return msgspec.structs.replace(one, **changes)


def transition(one: Alert, event: str = "open") -> Transition:
    return Transition(at=one.changed_at, alert=one, from_condition="pending", from_handling=None, event=event)


def reading(seq: int, *, stream: int = 1, captured_to_ms: int = 1000, late: bool = False) -> StoredReading:
    return StoredReading(stream, seq, captured_to_ms, 0, captured_to_ms + 5, late, b"payload %d" % seq)


def full_batch() -> Batch:
    batch = Batch(at_ms=5000, memory=b"state")
    batch.streams[1] = Stream(1, "box", "boot", "cam", 1, 5000)
    batch.readings += [reading(0), reading(1), reading(5)]
    batch.refused_seqs.append((1, 7, "grid_broken"))
    batch.refusals.append(Refusal(5000, "t", "grid_broken", "d", 9, b"\xffbytes"))
    batch.counts["refused.grid_broken"] += 1
    batch.clocks["box", "boot"] = -3000
    batch.said["box", "cam"] = Said("box", "cam", "topic", 4000, b"{}")
    batch.transitions.append((transition(alert()), told("town", "county")))
    batch.alerts["0" * 20] = alert()
    batch.zone_minutes["z", 0] = ZoneMinute(2, 1, 0, 10.0, 8.0, 12.0, 10.0, 0.5, 1.5, None)
    batch.camera_minutes["cam", 0] = CameraMinute(1, 0, 1, 5.0, 5.0, 0.5, 2, 10, 1)
    batch.line_minutes["l", "person", 0] = [3, 1]
    return batch


def test_a_batch_is_all_there_after_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "hub.sqlite3"
    with Store(path) as store:
        run = store.run
        store.write(full_batch())
    with Store(path) as store:
        assert store.run == run
        assert store.memory() == b"state"
        stream = store.streams().get("box", "boot", "cam")
        assert stream is not None
        assert (stream.settled, stream.above) == (1, {5, 7})
        assert store.clocks() == {("box", "boot"): -3000}
        assert store.said() == [("topic", 4000, b"{}")]
        assert [one.seq for one in store.recent(since_ms=0)] == [0, 1, 5]
        assert store.payload(1, 5) == b"payload 5"
        assert store.payload(1, 7) is None
        assert store.was_refused(1, 7)
        assert not store.was_refused(1, 5)
        assert store.counts() == {"refused.grid_broken": 1}
        records = Records(path)
        assert [one.channel for one in records.due("town", now_ms=5000, limit=9)] == ["town"]
        assert records.refusals() == [(5000, "t", "grid_broken", "d", 9, b"\xffbytes")]
        assert records.refusal_counts() == {"grid_broken": 1}
        records.close()


def test_a_batch_that_fails_leaves_nothing(tmp_path: Path) -> None:
    with Store(tmp_path / "hub.sqlite3") as store:
        batch = full_batch()
        batch.readings.append(reading(2**63))  # past what SQLite holds
        with pytest.raises((sqlite3.Error, OverflowError)):
            store.write(batch)
        assert store.streams().agents() == []
        assert store.counts() == {}
        assert store.memory() is None
        store.write(full_batch())
        assert store.streams().agents() == ["box"]


def test_a_reading_is_stored_once_whatever_the_process_believes(tmp_path: Path) -> None:
    with Store(tmp_path / "hub.sqlite3") as store:
        batch = Batch()
        batch.streams[1] = Stream(1, "box", "boot", "cam")
        batch.readings += [reading(0), reading(0)]
        store.write(batch)
        store.write(Batch(readings=[reading(0)]))
        assert len(store.recent(since_ms=0)) == 1


def test_minutes_add_up(tmp_path: Path) -> None:
    path = tmp_path / "hub.sqlite3"
    with Store(path) as store:
        for people, patch, level in ((10.0, 1.5, 1), (30.0, None, None), (None, None, 0)):
            batch = Batch()
            known = people is not None
            batch.zone_minutes["z", 60_000] = ZoneMinute(
                1, int(known), 0, people or 0.0, people, people, people, 0.1 * known, patch, level
            )
            store.write(batch)
        records = Records(path)
        (row,) = records.zone_minutes("z", since_ms=0)
        assert (row.people, row.people_low, row.people_high) == (20.0, 10.0, 30.0)
        assert (row.patch_max_per_m2, row.level, row.quality) == (1.5, 1, "partly")
        figures = records.figures(zones=["z", "never"], cameras=[], since_ms=0).zones["z"]
        assert (figures.people_mean, figures.people_max, figures.patch_max_per_m2) == (20.0, 30.0, 1.5)
        records.close()


def test_figures_read_a_window_and_hold_up_no_page(tmp_path: Path) -> None:
    path = tmp_path / "hub.sqlite3"
    with Store(path) as store, closing(Records(path)) as records:
        batch = Batch()
        for minute in range(10):
            batch.zone_minutes["z", 60_000 * minute] = ZoneMinute(60, 60, 0, 60.0 * minute, people_max=minute)
            batch.camera_minutes["cam", 60_000 * minute] = CameraMinute(readings=60, frames_used=600)
        store.write(batch)
        with records._lock:  # as while a page reads
            asked = ThreadPoolExecutor(1).submit(
                records.figures, zones=["z"], cameras=["cam"], since_ms=8 * 60_000 + 59_000
            )
            found = asked.result(timeout=10)
        assert (found.readings, found.frames) == (120, 1200)
        assert (found.zones["z"].people_mean, found.zones["z"].people_max) == (8.5, 9.0)


def test_late_readings_are_not_recalled(tmp_path: Path) -> None:
    with Store(tmp_path / "hub.sqlite3") as store:
        batch = Batch()
        batch.streams[1] = Stream(1, "box", "boot", "cam")
        batch.readings += [
            reading(0, captured_to_ms=100),
            reading(1, captured_to_ms=900),
            reading(2, late=True),
        ]
        store.write(batch)
        assert [one.seq for one in store.recent(since_ms=500)] == [1]
        assert store.newest_ms() == 1000


def test_one_alerts_deliveries_follow_each_other(tmp_path: Path) -> None:
    path = tmp_path / "hub.sqlite3"
    with Store(path) as store:
        for event in ("open", "acknowledge"):
            batch = Batch(at_ms=100)
            batch.transitions.append((transition(alert(), event), told("town")))
            store.write(batch)
        other = Batch(at_ms=100)
        other.transitions.append((transition(alert(alert="1" * 20)), told("town")))
        store.write(other)
        records = Records(path)
        assert [one.id for one in records.due("town", now_ms=100, limit=9)] == [1, 3]
        store.write(Batch(deliveries=[DeliveryResult(1, "waiting", 1, 900, "HTTP 503", 100)]))
        assert [one.id for one in records.due("town", now_ms=100, limit=9)] == [3]
        assert [one.id for one in records.due("town", now_ms=900, limit=9)] == [1, 3]
        store.write(Batch(deliveries=[DeliveryResult(1, "delivered", 2, None, None, 900)]))
        assert [one.id for one in records.due("town", now_ms=900, limit=9)] == [2, 3]
        assert records.waiting_channels() == ["town"]
        records.close()


def test_closed_alerts_leave_the_broker_once(tmp_path: Path) -> None:
    with Store(tmp_path / "hub.sqlite3") as store:
        store.write(Batch(alerts={"0" * 20: alert()}))
        assert store.off_broker() == []
        store.write(Batch(alerts={"0" * 20: alert(closed_at="2026-06-20T18:10:00.000Z")}))
        assert store.off_broker() == ["0" * 20]
        store.write(Batch(alerts_off_broker=["0" * 20]))
        assert store.off_broker() == []


def test_what_is_past_its_time_goes(tmp_path: Path) -> None:
    path = tmp_path / "hub.sqlite3"
    with Store(path) as store:
        batch = full_batch()
        batch.readings = [reading(seq, captured_to_ms=seq) for seq in range(6000)]
        batch.streams[1].settled = 7
        batch.zone_minutes["z", 120_000] = ZoneMinute(1, 1, 0, 1.0)
        store.write(batch)
        now_ms = 5500 + 3_600_000
        run = store.retire(Retention(readings_hours=1, minutes_days=None), now_ms=now_ms)
        steps = 1
        while run.step():
            steps += 1
        assert (run.forgotten, steps) == ({1: 5499}, 13)
        assert [one.seq for one in store.recent(since_ms=0)] == list(range(5500, 6000))
        records = Records(path)
        assert len(records.zone_minutes("z", since_ms=0)) == 2
        assert records.alerts(is_open=None, limit=9)
        records.close()
        assert not store.was_refused(1, 7)


def test_a_second_hub_is_turned_away(tmp_path: Path) -> None:
    path = tmp_path / "hub.sqlite3"
    with Store(path), pytest.raises(StoreError, match="another hub uses it"):
        Store(path)
    Store(path).close()


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    path = tmp_path / "hub.sqlite3"
    path.write_bytes(b"this is no database at all" * 100)
    with pytest.raises(StoreError, match="not a database"):
        Store(path)
    with pytest.raises(StoreError, match="cannot be opened"):
        Store(path / "below")


def test_an_older_database_is_brought_up_to_date(tmp_path: Path) -> None:
    """As the first version left it: readings and alerts, no deliveries."""
    path = tmp_path / "hub.sqlite3"
    old = sqlite3.connect(path, isolation_level=None)
    assert migrate.migrate(old, up_to=1) == 1
    old.execute("INSERT INTO memory VALUES (1, 'run-of-old', 7, x'41')")
    old.execute("INSERT INTO streams VALUES (3, 'box', 'boot', 'cam', 0, 1)")
    old.execute("INSERT INTO readings VALUES (1, 3, 0, 500, 0, 501, 0, x'42')")
    old.close()
    with Store(path) as store:
        assert store.run == "run-of-old"
        assert store.memory() == b"A"
        assert [one.payload for one in store.recent(since_ms=0)] == [b"B"]
        store.write(full_batch_after(store))
        records = Records(path)
        assert records.waiting_channels() == ["town"]
        records.close()


def full_batch_after(store: Store) -> Batch:
    batch = Batch(at_ms=1)
    batch.transitions.append((transition(alert()), told("town")))
    return batch


def test_migrations_are_numbered_without_gaps_and_run_once(tmp_path: Path) -> None:
    assert [number for number, _, _ in migrate.scripts()] == list(range(1, len(migrate.scripts()) + 1))
    db = sqlite3.connect(tmp_path / "x", isolation_level=None)
    last = migrate.migrate(db)
    assert migrate.migrate(db) == last
    db.execute(f"PRAGMA user_version = {last + 1}")
    with pytest.raises(migrate.SchemaTooNew, match=f"schema {last + 1}"):
        migrate.migrate(db)
    db.close()


def test_a_migration_that_fails_applies_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    db = sqlite3.connect(tmp_path / "x", isolation_level=None)
    broken = (
        *migrate.scripts(),
        (99, "0099_broken.sql", "CREATE TABLE fine (a); CREATE TABLE memory (again);"),
    )
    monkeypatch.setattr(migrate, "scripts", lambda: broken)
    with pytest.raises(sqlite3.Error):
        migrate.migrate(db)
    assert migrate.version(db) == len(broken) - 1
    assert db.execute("SELECT count(*) FROM sqlite_master WHERE name = 'fine'").fetchone() == (0,)
    db.close()
