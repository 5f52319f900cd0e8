"""Kill -9 each part of a running demo: nothing accepted is lost, nothing is stored twice, what was said stays said."""

from __future__ import annotations

import shutil
import sqlite3
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path

from deploy.demo.parts import Town

OPERATOR = "night shift"
Seq = tuple[str, str, int]  # boot, camera, seq
Stored = Callable[[Path], list[Seq]]


def waiting(town: Town) -> set[Seq]:
    """What the outbox of a killed agent holds, read from a copy so that its journal stays as it was left."""
    copy = town.folder / "outbox-copy"
    copy.mkdir(exist_ok=True)
    for file in town.folder.glob("outbox.sqlite*"):
        shutil.copy(file, copy / file.name)
    connection = sqlite3.connect(copy / "outbox.sqlite")
    rows = connection.execute("SELECT boot, camera, seq FROM reading").fetchall()
    connection.close()
    return {(str(boot), str(camera), int(seq)) for boot, camera, seq in rows}


def grown(town: Town, stored: Stored, by: int) -> None:
    """Waits until the hub has stored `by` more readings."""
    database = town.folder / "hub.sqlite"
    before = len(stored(database))
    town.wait(
        lambda: len(stored(database)) >= before + by, town.agent, f"{by} more readings were not stored", 60
    )


def acknowledged_alert(town: Town) -> str:
    """Waits for the demo's alert and acknowledges it."""

    def found() -> list[str]:
        alerts = town.get("/api/v1/alerts?open=true")["alerts"]
        return [alert["alert"] for alert in alerts if alert["rule"] == "vehicle.unauthorised"]

    town.wait(lambda: bool(found()), town.agent, "vehicle.unauthorised did not come", 60)
    alert = found()[0]
    town.post(f"/api/v1/alerts/{alert}/acknowledge", {"by": OPERATOR})
    return alert


def is_acknowledged(town: Town, alert: str) -> bool:
    answer = town.get(f"/api/v1/alerts/{alert}")["alert"]
    return answer["handling"] == "acknowledged" and answer["acknowledged_by"] == OPERATOR


def all_arrived(town: Town, stored: Stored, accepted: set[Seq]) -> None:
    """Everything accepted is stored, once, and no number of any boot is missing."""
    database = town.folder / "hub.sqlite"
    deadline = time.monotonic() + 40
    while not accepted <= set(stored(database)) and time.monotonic() < deadline:
        time.sleep(0.3)
    rows = stored(database)
    assert accepted <= set(rows), sorted(accepted - set(rows))
    assert [row for row, times in Counter(rows).items() if times > 1] == []
    numbers: dict[tuple[str, str], list[int]] = defaultdict(list)
    for boot, camera, seq in rows:
        numbers[boot, camera].append(seq)
    for stream, seqs in numbers.items():
        assert sorted(seqs) == list(range(max(seqs) + 1)), stream


def test_each_part_is_killed_in_turn(town: Callable[..., Town], stored: Stored) -> None:
    one = town()
    one.start()
    alert = acknowledged_alert(one)
    accepted: set[Seq] = set()

    one.hub.kill9()
    time.sleep(3)
    one.start_hub()
    assert is_acknowledged(one, alert)
    grown(one, stored, 3)

    one.broker.kill9()
    time.sleep(3)
    one.broker.start()
    grown(one, stored, 3)
    assert is_acknowledged(one, alert)

    one.agent.kill9()
    accepted |= waiting(one)
    time.sleep(1)
    one.agent.start()
    grown(one, stored, 3)
    assert is_acknowledged(one, alert)

    # all at once: the outbox of a dead agent is what it had accepted
    one.broker.kill9()
    time.sleep(2.5)
    one.agent.kill9()
    one.hub.kill9()
    left = waiting(one)
    assert left, "with the broker dead, the agent must have kept readings"
    accepted |= left
    one.broker.start()
    one.start_hub()
    one.agent.start()
    all_arrived(one, stored, accepted)
    grown(one, stored, 3)
    assert is_acknowledged(one, alert)
    boots = {boot for boot, _, _ in stored(one.folder / "hub.sqlite")}
    assert len(boots) == 3


def test_a_broker_that_forgets_its_queue_loses_nothing(town: Callable[..., Town], stored: Stored) -> None:
    one = town()
    one.start()
    alert = acknowledged_alert(one)
    # messages are in the broker that the hub has not seen: the hub is dead while the agent publishes
    one.hub.kill9()
    time.sleep(3)
    one.broker.kill9()
    one.broker.forget()
    one.broker.start()
    one.start_hub()
    grown(one, stored, 3)
    one.agent.kill9()
    left = waiting(one)
    one.agent.start()
    all_arrived(one, stored, left)
    assert is_acknowledged(one, alert)
