"""Our own code fails on one thing: that is shown with its traceback, and the rest goes on."""

from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from contract.intake import Observation
from hub.api import acting
from hub.memory import decode
from tests.kit.hub_inside import HubInside
from tests.kit.square import SITE


def test_a_reading_that_breaks_the_judgement(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with HubInside(tmp_path) as inside, inside.client() as client:
        observe = inside.hub.monitor.observe

        def break_on_one(observation: Observation, *, received_ms: int) -> None:
            if observation.reading.seq == 2 and observation.reading.camera == "cam-1":
                raise ZeroDivisionError("on purpose")
            observe(observation, received_ms=received_ms)

        monkeypatch.setattr(inside.hub.monitor, "observe", break_on_one)
        inside.pass_time(6)
        state = client.get("/api/v1/state").json()
        assert state["hub"]["readings"] == 12
        assert state["hub"]["faults"] == 1
        assert "judging box-0/cam-1 boot boot-1 seq 2" in state["hub"]["fault"]
        assert "ZeroDivisionError: on purpose" in state["hub"]["fault"]
        assert all(zone["people"] is not None for zone in state["zones"])


def test_a_judgement_that_fails_stops_the_beat_and_not_the_storing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with HubInside(tmp_path) as inside, inside.client() as client:
        inside.pass_time(2)
        before = client.get("/api/v1/state").json()

        def fail(_now_ms: int, **_: Any) -> None:
            raise ZeroDivisionError("on purpose")

        with monkeypatch.context() as broken:
            broken.setattr(inside.hub.monitor, "step", fail)
            for camera in range(2):
                inside.put_reading(
                    inside.square.reading(camera, seq=inside.seq, captured_to_ms=inside.now_ms + 1000)
                )
            inside.until(lambda: inside.hub.judge.readings == 6)
            assert client.get("/api/v1/state").json()["at"] == before["at"]
        inside.now_ms += 1000
        inside.seq += 1
        inside.pass_time(1)
        after = client.get("/api/v1/state").json()
        assert after["at"] > before["at"]
        assert after["hub"]["faults"] >= 1
        assert "judging the site" in after["hub"]["fault"]


def test_a_round_that_fails_takes_nothing_for_stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with HubInside(tmp_path) as inside:
        inside.pass_time(2)

        def fail(_batch: Any) -> None:
            raise ZeroDivisionError("on purpose")

        lost = inside.square.reading(0, seq=2, captured_to_ms=inside.now_ms + 1000)
        with monkeypatch.context() as broken:
            broken.setattr(inside.hub.store, "write", fail)
            inside.put_reading(lost)
            inside.until(lambda: inside.hub.judge.faults >= 1)
        inside.put_reading(lost)
        inside.until(lambda: inside.hub.judge.readings == 5)
        stream = inside.hub.ingest.streams.get("box-0", "boot-1", "cam-0")
        assert stream is not None
        assert stream.settled == 2


def test_who_gave_up_waiting_for_the_disk_breaks_no_round(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(acting, "ANSWER_S", 0.3)
    with HubInside(tmp_path) as inside, inside.client() as client:
        alert = inside.car_alert()
        with closing(sqlite3.connect(tmp_path / "hub.sqlite3", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            answer = client.post(f"/api/v1/alerts/{alert}/acknowledge", json={"by": "Ana"})
            assert answer.status_code == 503
            other.execute("ROLLBACK")

        def handling() -> str:
            found: str = client.get(f"/api/v1/alerts/{alert}").json()["alert"]["handling"]
            return found

        inside.until(lambda: handling() == "acknowledged")
        inside.pass_time(2, car=True)
        assert client.get("/api/v1/state").json()["hub"]["faults"] == 0


def test_what_was_judged_in_a_round_that_failed_is_stored_with_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The alert opens and is acknowledged while nothing can be written: both are there afterwards, once."""
    with HubInside(tmp_path) as inside, inside.client() as client, ThreadPoolExecutor(1) as person:
        inside.pass_time(2)
        judge, stored = inside.hub.judge, inside.hub.judge.readings

        def fail(_batch: Any) -> None:
            raise ZeroDivisionError("on purpose")

        def alerts() -> list[str]:
            return [one.alert for one in inside.hub.monitor._book.open_alerts()]

        readings = []
        with monkeypatch.context() as broken:
            broken.setattr(inside.hub.store, "write", fail)
            broken.setattr("hub.judge.DATABASE_RETRY_S", 0.01)
            for _ in range(6):
                inside.now_ms += 1000
                car = (inside.square.vehicle(0, captured_at_ms=inside.now_ms),)
                for camera in range(2):
                    readings.append(
                        inside.square.reading(
                            camera,
                            seq=inside.seq,
                            captured_to_ms=inside.now_ms,
                            vehicles=car if camera == 0 else (),
                        )
                    )
                    inside.put_reading(readings[-1])
                inside.seq += 1
            (alert,) = inside.until(alerts)
            pressed = person.submit(client.post, f"/api/v1/alerts/{alert}/acknowledge", json={"by": "Ana"})
            inside.until(
                lambda: "changes of alerts wait" in client.get("/api/v1/state").json()["hub"]["database"]
            )
            assert judge.readings == stored
            assert client.get("/api/v1/alerts").json()["alerts"] == []
            assert not pressed.done()
        assert pressed.result(15).json()["alert"]["acknowledged_by"] == "Ana"
        for one in readings:  # nothing was acknowledged: the broker delivers it again
            inside.put_reading(one)
        inside.until(lambda: judge.readings == stored + len(readings))
        inside.pass_time(1, car=True)
        detail = client.get(f"/api/v1/alerts/{alert}").json()
        assert [one["event"] for one in detail["transitions"]] == ["open", "acknowledge"]
        state = client.get("/api/v1/state").json()
        assert state["hub"]["database"] == "ok"
        assert "ZeroDivisionError: on purpose" in state["hub"]["fault"]


def test_a_database_that_cannot_even_be_read_ends_no_thread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with HubInside(tmp_path) as inside:
        inside.pass_time(2)

        def fail(*_: Any) -> None:
            raise sqlite3.OperationalError("disk I/O error")

        def break_down(_batch: Any) -> None:
            raise ZeroDivisionError("on purpose")

        with monkeypatch.context() as broken:
            broken.setattr("hub.judge.DATABASE_RETRY_S", 0.01)
            broken.setattr(inside.hub.store, "streams", fail)
            broken.setattr(inside.hub.store, "write", break_down)
            inside.put_reading(inside.square.reading(0, seq=2, captured_to_ms=inside.now_ms + 1000))
            inside.until(lambda: inside.hub.judge.faults >= 1)
        inside.now_ms += 1000
        inside.seq += 1
        inside.pass_time(2)


def test_what_left_the_broker_in_a_round_that_failed_is_noted_with_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with HubInside(tmp_path) as inside:
        judge, store = inside.hub.judge, inside.hub.store
        gone, write, noted = [["alert-1"], ["alert-2"]], store.write, []
        monkeypatch.setattr("hub.judge.DATABASE_RETRY_S", 0.01)

        def note(batch: Any) -> None:
            if judge.faults == 0:
                raise ZeroDivisionError("on purpose")
            noted.extend(batch.alerts_off_broker)
            write(batch)

        monkeypatch.setattr(store, "write", note)
        monkeypatch.setattr(judge._herald, "taken_off", lambda: gone.pop(0) if gone else [])
        for _ in range(2):
            judge.ask(lambda batch, _now_ms: batch.counts.update(asked=1)).result(10)
        assert noted == ["alert-1", "alert-2"]


def test_a_permit_that_was_answered_is_on_disk(tmp_path: Path) -> None:
    """It is part of what the hub remembers and of nothing else, and no reading need come after it."""
    with HubInside(tmp_path) as inside, inside.client() as client:
        inside.pass_time(2)
        body = {"place": "zone-0", "kinds": ["car"], "minutes": 30, "by": "Ana", "reason": "bread"}
        answer = client.post("/api/v1/permits", json=body)
        assert answer.status_code == 201, answer.text
        with closing(sqlite3.connect(tmp_path / "hub.sqlite3")) as db:
            (state,) = db.execute("SELECT state FROM memory").fetchone()
        assert [one.reason for one in decode(state, SITE).permits] == ["bread"]
