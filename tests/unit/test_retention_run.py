"""Retention on a year of made data: what should go is gone, nothing else is, and the audit log proves which."""

from __future__ import annotations

import json
import random
import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from contract.instants import from_ms, to_ms
from hub import audit
from hub.audit import CHECKPOINT, AuditEntry
from hub.audit_check import Anchor, check
from hub.batch import Batch
from hub.retention import DAY_MS, HOUR_MS, REMOVED, Retention, Run, digest_of
from hub.store import Store
from tests.unit.test_store import reading

NOW_MS = to_ms("2026-11-22T20:00:00.000Z")
KEPT = Retention(
    readings_hours=72, minutes_days=180, alerts_days=90, refusals_days=30, sessions_days=30, audit_days=200
)
BEFORE = {
    kind: NOW_MS - days * DAY_MS for kind, days in {"minutes": 180, "alerts": 90, "refusals": 30}.items()
}
READINGS_BEFORE = NOW_MS - 72 * HOUR_MS
TABLES = {
    "readings": "id",
    "zone_minutes": "zone, minute_ms",
    "camera_minutes": "camera, minute_ms",
    "line_minutes": "line, kind, minute_ms",
    "alerts": "alert",
    "transitions": "id",
    "deliveries": "id",
    "refusals": "id",
    "sessions": "id",
    "links": "id",
    "approvals": "id",
    "counts": "name",
    "clocks": "agent",
    "memory": "run",
    "streams": "id",
}
DELIVERY = (
    "INSERT INTO deliveries (channel, recipient, purpose, language, why, reason, alert, transition_id, state, "
    "attempts, created_ms, changed_ms) VALUES ('c', 'r', 'news', 'en', 'route', '', ?, ?, ?, 1, ?, ?)"
)
BOUND_S = 60.0  # for the whole year, on a machine with a load; measured figures are in docs/records.md


@pytest.fixture(scope="module")
def year(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A year back from now, a figure every hour, alerts with what was said of them, entries of the log."""
    path = tmp_path_factory.mktemp("year") / "hub.sqlite3"
    chance = random.Random(1)
    with Store(path) as store, closing(sqlite3.connect(path, isolation_level=None)) as db:
        store.write(Batch(at_ms=1, memory=b"state"))
        db.execute("PRAGMA synchronous = OFF")
        db.execute("BEGIN IMMEDIATE")
        minutes = range(NOW_MS - 365 * DAY_MS, NOW_MS, HOUR_MS)
        db.executemany(
            "INSERT INTO zone_minutes (zone, minute_ms, samples, known, partly, people_sum, density_sum) "
            "VALUES (?, ?, 60, 60, 0, 1.5, 0.1)",
            ((zone, at) for zone in ("a", "b", "c'é") for at in minutes),
        )
        db.executemany(
            "INSERT INTO camera_minutes VALUES (?, ?, 60, 0, 60, 1.5, NULL, 0.0, 0, 60, 0)",
            ((camera, at) for camera in ("cam-0", "cam-1") for at in minutes),
        )
        db.executemany(
            "INSERT INTO line_minutes VALUES (?, ?, ?, 1, 2)",
            ((line, kind, at) for line in ("l", "m") for kind in ("car", "person") for at in minutes[::2]),
        )
        db.execute("INSERT INTO streams VALUES (1, 'box', 'boot', 'cam-0', 4000, ?, 0, -1)", (NOW_MS,))
        db.executemany(
            "INSERT INTO readings (stream, seq, captured_to_ms, offset_ms, received_ms, late, payload) "
            "VALUES (1, ?, ?, 0, 0, 0, ?)",
            ((n, NOW_MS - 96 * HOUR_MS + n * 60_000, b"%d" % n * 300) for n in range(96 * 60)),
        )
        db.executemany(
            "INSERT INTO refusals (at_ms, topic, reason, detail, size, first_bytes) "
            "VALUES (?, 't', 'r', 'd', 1, x'00')",
            ((NOW_MS - n * HOUR_MS,) for n in range(60 * 24)),
        )
        db.execute(
            "INSERT INTO users (id, login, display, roles, created_ms) VALUES (1, 'ana', 'Ana', '[]', 0)"
        )
        db.executemany(
            "INSERT INTO sessions (secret, user, created_ms, seen_ms, until_ms, address, browser) "
            "VALUES (?, 1, 0, 0, ?, '', '')",
            ((b"%d" % n, NOW_MS + (5 - n) * DAY_MS) for n in range(400)),
        )
        db.executemany(
            "INSERT INTO links (secret, kind, user, made_by, created_ms, until_ms) VALUES (?, 'reset', 1, 'x', 0, ?)",
            ((b"%d" % n, NOW_MS + (5 - n) * DAY_MS) for n in range(400)),
        )
        db.executemany(
            "INSERT INTO approvals (id, action, needs, site, payload, payload_hash, summary, reason, asked_by, "
            "asked_ms, until_ms, state) VALUES (?, 'a', 'r', 's', '{}', '', '', '', 'ana', ?, 0, ?)",
            ((f"{n}", NOW_MS - n * DAY_MS // 2, "waiting" if n % 40 == 0 else "done") for n in range(600)),
        )
        for n in range(2_000):
            opened = NOW_MS - chance.randrange(365 * DAY_MS)
            closed = None if n % 50 == 0 else opened + chance.randrange(20 * DAY_MS)
            retained = n % 70 == 0
            db.execute(
                "INSERT INTO alerts VALUES (?, ?, ?, ?, x'7b7d')", (f"{n:020d}", opened, closed, retained)
            )
            for step in range(3 if n else 5_000):  # one alert has more to it than a step removes
                row = db.execute(
                    "INSERT INTO transitions (alert, at_ms, body) VALUES (?, ?, x'7b7d')",
                    (f"{n:020d}", opened + step),
                )
                db.execute(DELIVERY, (f"{n:020d}", row.lastrowid, "delivered", opened, opened))
        for n in range(400):  # digests and trials are of no one alert
            at_ms = NOW_MS - n * DAY_MS
            db.execute(DELIVERY, (None, None, "waiting" if n % 40 == 0 else "delivered", at_ms, at_ms))
        # the alert with more to it is an old one, and closed
        db.execute(
            "UPDATE alerts SET opened_at_ms = ?, closed_at_ms = ?, retained = 0 WHERE alert = ?",
            (NOW_MS - 364 * DAY_MS, NOW_MS - 363 * DAY_MS, f"{0:020d}"),
        )
        for n in range(6_000):
            at_ms = NOW_MS - 365 * DAY_MS + n * 365 * DAY_MS // 6_000
            audit.append(db, AuditEntry(at_ms=at_ms, actor="Ana", via="open", action="x.y", subject=str(n)))
        db.execute("COMMIT")
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return path


@pytest.fixture
def path(tmp_path: Path, year: Path) -> Path:
    return Path(shutil.copy(year, tmp_path / "hub.sqlite3"))


def contents(path: Path) -> dict[str, dict[Any, Any]]:
    """Every row of every table that retention might touch, by key."""
    with closing(sqlite3.connect(path)) as db:
        db.row_factory = sqlite3.Row
        return {
            table: {
                tuple(row[one.strip()] for one in key.split(",")): tuple(row)
                for row in db.execute(f"SELECT * FROM {table}")
            }
            for table, key in TABLES.items()
        }


def entries(path: Path, action: str) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    with closing(sqlite3.connect(path)) as db:
        for subject, detail in db.execute(
            "SELECT subject, detail FROM audit WHERE action = ? ORDER BY seq", (action,)
        ):
            found.setdefault(subject, []).append(json.loads(detail))
    return found


def steps(run: Run) -> Iterator[float]:
    """Seconds of each step, until there is no more."""
    more = True
    while more:
        began_s = time.perf_counter()
        more = run.step()
        yield time.perf_counter() - began_s


def should_stay(was: dict[str, dict[Any, Any]]) -> dict[str, dict[Any, Any]]:
    """Worked out from the rows alone, table by table, without the code under test."""
    stay = {name: dict(rows) for name, rows in was.items()}
    stay["readings"] = {key: row for key, row in was["readings"].items() if row[3] >= READINGS_BEFORE}
    for name in ("zone_minutes", "camera_minutes", "line_minutes"):
        stay[name] = {key: row for key, row in was[name].items() if key[-1] >= BEFORE["minutes"]}
    stay["refusals"] = {key: row for key, row in was["refusals"].items() if row[1] >= BEFORE["refusals"]}
    ended = NOW_MS - 30 * DAY_MS
    stay["sessions"] = {key: row for key, row in was["sessions"].items() if row[5] >= ended}
    stay["links"] = {key: row for key, row in was["links"].items() if row[6] >= ended}
    stay["approvals"] = {
        key: row
        for key, row in was["approvals"].items()
        if row[10] >= BEFORE["alerts"] or row[12] == "waiting"
    }
    old = {
        key
        for key, (_, _, closed_ms, retained, _) in was["alerts"].items()
        if closed_ms is not None and closed_ms < BEFORE["alerts"] and not retained
    }
    stay["alerts"] = {key: row for key, row in was["alerts"].items() if key not in old}
    stay["transitions"] = {key: row for key, row in was["transitions"].items() if (row[1],) not in old}
    stay["deliveries"] = {
        key: row
        for key, row in was["deliveries"].items()
        if (row[19] >= BEFORE["alerts"] or row[10] == "waiting" if row[5] is None else (row[5],) not in old)
    }
    return stay


def test_a_year_loses_what_is_past_its_time_and_nothing_else(path: Path, tmp_path: Path) -> None:
    was = contents(path)
    began_s = time.perf_counter()
    pauses = []
    with Store(path) as store:
        for n, took_s in enumerate(steps(store.retire(KEPT, now_ms=NOW_MS))):
            pauses.append(took_s)
            # ingest goes on in between; what came meanwhile stays
            store.write(Batch(at_ms=NOW_MS, readings=[reading(10_000 + n, captured_to_ms=NOW_MS)]))
        took_s = time.perf_counter() - began_s
    now = contents(path)
    came = [key for key, row in now["readings"].items() if row[2] >= 10_000]
    assert len(came) == len(pauses) > 20
    for key in came:
        del now["readings"][key]
    stay = should_stay(was)
    stay["streams"] = {key: (*row[:-1], 24 * 60 - 1) for key, row in was["streams"].items()}
    for name in TABLES:
        assert now[name] == stay[name], name
    gone = {name: len(was[name]) - len(stay[name]) for name in TABLES}
    assert min(gone[name] for name in list(TABLES)[:11]) > 300, gone
    assert any(row[2] is None and row[1] < BEFORE["alerts"] for row in now["alerts"].values()), (
        "open ones stay"
    )
    proof = entries(path, REMOVED)
    for name, n in gone.items():
        if n:
            (one,) = proof.pop(name)
            assert one["rows"] == n
            assert to_ms(one["oldest"]) <= to_ms(one["newest"])
    assert proof == {}
    assert took_s < BOUND_S
    assert max(pauses) < 2.0, f"the longest of {len(pauses)} pauses"


def test_the_digest_can_be_worked_out_from_a_copy_taken_before(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db:
        rows = db.execute(
            "SELECT * FROM readings WHERE captured_to_ms < ? ORDER BY captured_to_ms", (READINGS_BEFORE,)
        ).fetchall()
        minutes = db.execute(
            "SELECT * FROM zone_minutes WHERE minute_ms < ? ORDER BY zone, minute_ms", (BEFORE["minutes"],)
        ).fetchall()
    with Store(path) as store:
        list(steps(store.retire(KEPT, now_ms=NOW_MS)))
    proof = entries(path, REMOVED)
    (one,) = proof["readings"]
    assert one == {
        "rows": len(rows),
        "oldest": from_ms(rows[0][3]),
        "newest": from_ms(rows[-1][3]),
        "before": from_ms(READINGS_BEFORE),
        "oldest_left": from_ms(READINGS_BEFORE),
        "digest": digest_of(rows).hex(),
        "began": from_ms(NOW_MS),
    }
    assert proof["zone_minutes"][0]["digest"] == digest_of(minutes).hex()
    assert digest_of(rows[:-1]) != digest_of(rows) != digest_of([*rows[1:], rows[0]])


def test_a_run_that_is_cut_short_loses_none_of_its_proof(path: Path) -> None:
    was, pieces = contents(path), 0
    done = False
    while not done:  # the hub is ended after every third step, and starts anew
        with Store(path) as store:
            run = store.retire(KEPT, now_ms=NOW_MS)
            done = not (run.step() and run.step() and run.step())
        pieces += 1
    assert pieces > 5
    stay = should_stay(was)
    assert contents(path)["zone_minutes"] == stay["zone_minutes"]
    for name, proofs in entries(path, REMOVED).items():
        assert [one["rows"] for one in proofs] == [len(was[name]) - len(stay[name])], name


def test_the_audit_log_is_shortened_and_what_is_left_still_verifies(path: Path) -> None:
    before_ms = NOW_MS - KEPT.audit_days * DAY_MS  # type: ignore[operator]
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        was = db.execute("SELECT seq, hash, at_ms FROM audit ORDER BY seq").fetchall()
    with Store(path) as store:
        list(steps(store.retire(KEPT, now_ms=NOW_MS)))
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        left = db.execute(
            "SELECT seq, hash, at_ms FROM audit WHERE at_ms < ? ORDER BY seq", (NOW_MS,)
        ).fetchall()
        assert left == [row for row in was if row[2] >= before_ms]
        gone = was[: len(was) - len(left)]
        anchors = [Anchor(seq, digest) for seq, digest, _ in (gone[5], gone[-1], left[7])]
        found = check(db, anchors=anchors)
        assert (found.finding, found.first, found.anchors, found.anchors_before) == (None, left[0][0], 2, 1)
        forged = check(db, anchors=[Anchor(gone[-1][0], bytes(32))]).finding
        assert forged is not None
    checkpoints = entries(path, CHECKPOINT)["audit"]
    assert sum(one["rows"] for one in checkpoints) == len(gone) > 2_000
    assert (checkpoints[-1]["up_to"], checkpoints[-1]["hash"]) == (gone[-1][0], gone[-1][1].hex())


def test_never_keeps_everything_and_a_second_run_finds_nothing_to_do(path: Path) -> None:
    was = contents(path)
    never = Retention(
        readings_hours=72,
        minutes_days=None,
        alerts_days=None,
        refusals_days=None,
        sessions_days=None,
        audit_days=None,
    )
    with Store(path) as store:
        list(steps(store.retire(never, now_ms=NOW_MS)))
        now = contents(path)
        for name in TABLES:
            if name not in ("readings", "streams"):
                assert now[name] == was[name]
        assert len(list(steps(store.retire(never, now_ms=NOW_MS)))) == 1
    assert set(entries(path, REMOVED)) == {"readings"}
    assert len(entries(path, "retention.run")["all"]) == 1  # once a day
