"""Our own code fails on one thing: that is shown with its traceback, and the rest goes on."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from contract.intake import Observation
from hub.api import acting
from tests.kit.hub_inside import HubInside


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
