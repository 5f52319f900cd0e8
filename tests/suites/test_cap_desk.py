"""The desk over a real database: release by two, updates by the rule, the end; kill -9; restore; the audit log."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from xml.etree import ElementTree

import msgspec
import pytest
import xmlschema

from contract.instants import from_ms
from contract.messages import Reason
from hub.cap.check import check
from hub.cap.desk import NotReleased
from hub.cap.message import NAMESPACE
from hub.cap.settings import CapPart
from hub.reasons import Why
from tests.conftest import require_part
from tests.kit.cap_desk import ALERT, PART, START_MS, Town, alert, keep
from tests.kit.cap_schema import SchemaMissing, cap_schema
from tests.kit.hub_process import ROOT


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Town]:
    found = Town(tmp_path)
    yield found
    found.close()


@pytest.fixture(scope="module")
def schema() -> xmlschema.XMLSchema:
    try:
        return xmlschema.XMLSchema(str(cap_schema()))
    except SchemaMissing as wrong:
        require_part("the OASIS schema of CAP 1.2", None, str(wrong))
        raise


def text(document: bytes, path: str) -> str:
    steps = "/".join(f"{{{NAMESPACE}}}{step}" for step in path.split("/"))
    return ElementTree.fromstring(document).findtext(steps, "")


def density(value: float, limit: float) -> tuple[Reason, ...]:
    return (Reason(reason=Why.DENSITY_PATCH.value, text="", value=value, threshold=limit, unit="/m2"),)


def audited(town: Town) -> list[tuple[str, str, dict[str, object]]]:
    with sqlite3.connect(town.path) as db:
        rows = db.execute("SELECT actor, action, detail FROM audit WHERE action LIKE 'cap.%' ORDER BY seq")
        return [(actor, action, json.loads(detail)) for actor, action, detail in rows]


def test_a_whole_life_validates_and_its_references_are_complete(
    town: Town, schema: xmlschema.XMLSchema
) -> None:
    assert town.desk.follow() == 0
    assert town.documents() == []

    town.release()
    assert town.happens(5, rule="density.extreme", reasons=density(6.2, 6.0)) == 1  # worse: at once
    assert town.happens(30, handling="acknowledged", acknowledged_by="Ana Pop") == 0  # too soon
    assert town.passes(31) == 1
    assert town.happens(70, condition="unknown") == 1
    assert town.happens(70, condition="active") == 1
    assert town.happens(70, condition="returned") == 1
    assert town.happens(1, condition="active") == 1  # risen again: at once
    assert town.happens(90, condition="returned") == 1
    assert town.happens(90, closed_at=from_ms(town.now_ms), disposition="true: a concert, says Ana Pop") == 1
    assert town.passes(100_000) == 0

    assert town.changes() == [
        "released", "worse", "handled", "lost", "regained", "returned", "risen_again", "returned", "ended",
    ]  # fmt: skip
    documents = town.documents()
    assert [text(one, "msgType") for one in documents] == ["Alert", *["Update"] * 7, "Cancel"]
    heads = [",".join(text(one, name) for name in ("sender", "identifier", "sent")) for one in documents]
    for number, document in enumerate(documents):
        assert check(document) == ()
        assert list(schema.iter_errors(BytesIO(document))) == []
        assert text(document, "references").split() == heads[:number]
        assert b"Pop" not in document
        assert b"concert" not in document
        assert (text(document, "status"), text(document, "scope")) == ("Test", "Private")
        assert text(document, "addresses") == 'police "fire brigade"'
    severities = [text(one, "info/severity") for one in documents]
    assert severities == ["Severe", *["Extreme"] * 8]
    assert text(documents[1], "info/urgency") == "Immediate"
    assert text(documents[3], "info/certainty") == "Likely"  # nobody sees it
    assert text(documents[8], "info/responseType") == "AllClear"


def test_a_level_that_stutters_tells_nobody(town: Town) -> None:
    town.release()
    for _ in range(10):
        assert town.happens(2, condition="unknown") == 0
        assert town.happens(2, condition="active") == 0
    assert town.passes(60) == 0
    assert town.changes() == ["released"]


def test_a_message_is_said_anew_before_it_runs_out(town: Town) -> None:
    town.release()
    assert town.passes(39 * 60) == 0
    assert town.passes(61) == 1
    assert town.changes() == ["released", "renewed"]
    first, second = town.desk.entries_of(ALERT)
    assert second.sent_ms < first.expires_ms < second.expires_ms


def test_a_hot_spot_that_moves_far_is_told_with_the_numbers_of_now(town: Town) -> None:
    town.release()
    town.live = {
        ALERT: msgspec.structs.replace(town.alert, position_m=(25.0, 11.0), reasons=density(5.5, 4.7))
    }
    assert town.passes(301) == 0  # 14 m
    town.live = {
        ALERT: msgspec.structs.replace(town.alert, position_m=(35.0, 11.0), reasons=density(5.6, 4.7))
    }
    assert town.passes(1) == 1
    assert town.changes() == ["released", "moved"]
    assert b"<value>5.6</value>" in town.documents()[1]


def test_nobody_releases_alone_and_nothing_leaves_under_other_terms(town: Town) -> None:
    terms = town.desk.preview(ALERT).terms
    with pytest.raises(NotReleased, match="himself"):
        town.desk.release(ALERT, terms=terms, asked_by="ana", approved_by=" Ana", via="session")
    town.part.status = "Actual"
    with pytest.raises(NotReleased, match="have changed"):
        town.desk.release(ALERT, terms=terms, asked_by="ana", approved_by="bogdan", via="session")
    assert town.documents() == []
    assert audited(town) == []


def test_a_life_keeps_the_terms_it_was_released_under(town: Town) -> None:
    town.release()
    town.part.status, town.part.scope = "Actual", "Public"
    town.happens(1, rule="density.extreme")
    assert {text(one, "status") for one in town.documents()} == {"Test"}
    assert {text(one, "scope") for one in town.documents()} == {"Private"}


@pytest.mark.parametrize("more", [{"recorded": True}, {"open_mode": True}])
def test_a_replay_and_a_hub_without_logins_only_exercise(tmp_path: Path, more: dict[str, bool]) -> None:
    part = msgspec.structs.replace(PART, status="Actual", scope="Public")
    town = Town(tmp_path, part=part, **more)
    try:
        town.release()
        (document,) = town.documents()
        assert text(document, "status") == "Exercise"
        assert text(document, "note").startswith("Exercise: ")
        assert text(document, "info/headline").startswith("EXERCISE. ")
    finally:
        town.close()


def test_what_was_approved_twice_leaves_once_and_what_is_over_not_at_all(town: Town) -> None:
    terms = town.desk.preview(ALERT).terms
    town.release()
    with pytest.raises(NotReleased, match="released already"):
        town.desk.release(ALERT, terms=terms, asked_by="ana", approved_by="bogdan", via="session")
    town.happens(5, closed_at=from_ms(town.now_ms), disposition="false: a shadow")
    assert b"false alarm" in town.documents()[1]
    with pytest.raises(NotReleased, match="has closed"):
        town.desk.preview(ALERT)
    with pytest.raises(NotReleased, match="no alert"):
        town.desk.preview("0" * 20)
    keep(town.store, alert(alert="b" * 20, rule="sensor.silent"), START_MS)
    with pytest.raises(NotReleased, match="our own cameras"):
        town.desk.preview("b" * 20)


def test_withdrawing_takes_one_person_and_a_second_release_is_a_new_life(town: Town) -> None:
    town.release()
    with pytest.raises(NotReleased, match="reason"):
        town.desk.withdraw(ALERT, by="ana", via="session", reason=" ")
    town.desk.withdraw(ALERT, by="ana", via="session", reason="told to the wrong people, says Ion")
    assert town.passes(100_000) == 0
    with pytest.raises(NotReleased, match="nothing about alert"):
        town.desk.withdraw(ALERT, by="ana", via="session", reason="again")
    town.release()
    documents = town.documents()
    assert [text(one, "msgType") for one in documents] == ["Alert", "Cancel", "Alert"]
    assert text(documents[2], "references") == ""
    assert len({text(one, "identifier") for one in documents}) == 3
    assert b"Ion" not in b"".join(documents)
    (_, release, said), (who, withdraw, why), *_ = audited(town)
    assert (release, said["asked_by"]) == ("cap.release", "ana")
    assert (who, withdraw, why["reason"]) == ("ana", "cap.withdraw", "told to the wrong people, says Ion")


def test_what_the_approvals_refuse_in_the_transaction_does_not_leave(town: Town) -> None:
    terms = town.desk.preview(ALERT).terms

    def done(_db: sqlite3.Connection) -> None:
        raise RuntimeError("was done before")

    with pytest.raises(RuntimeError):
        town.desk.release(ALERT, terms=terms, asked_by="ana", approved_by="bogdan", via="session", done=done)
    assert (town.documents(), audited(town)) == ([], [])


def test_after_a_restore_from_a_backup_no_identifier_comes_again(tmp_path: Path) -> None:
    town = Town(tmp_path)
    try:
        town.release()
        with sqlite3.connect(town.path) as db, sqlite3.connect(tmp_path / "backup") as copy:
            db.backup(copy)
        town.happens(5, rule="density.extreme")
        lost = town.desk.entries_of(ALERT)[-1].identifier
    finally:
        town.close()
    for part in ("", "-wal", "-shm"):
        Path(f"{town.path}{part}").unlink(missing_ok=True)
    shutil.copy(tmp_path / "backup", town.path)
    again = Town(tmp_path)
    try:
        again.now_ms = town.now_ms
        again.happens(5, rule="density.extreme")
        assert len(again.documents()) == 2
        assert again.desk.entries_of(ALERT)[-1].identifier != lost
    finally:
        again.close()


def test_a_clock_set_back_turns_no_order_round(town: Town) -> None:
    town.release()
    town.happens(-3600, rule="density.extreme")
    first, second = town.desk.entries_of(ALERT)
    assert second.sent_ms > first.sent_ms


KILLED = """
import os, signal, sys
from pathlib import Path
from tests.kit.cap_desk import Town, alert
where, folder = sys.argv[1], Path(sys.argv[2])
town = Town(folder)
die = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
town.now_ms += int(sys.argv[3]) * 1000
town.alert = alert(rule="density.extreme")
from tests.kit.cap_desk import keep
keep(town.store, town.alert, town.now_ms, "worsen")
if where == "before it is written":
    town.desk._chance = die
elif where == "in the transaction":
    import hub.cap.desk
    hub.cap.desk.audit.append = die
elif where == "after the commit":
    town.desk._on_message = die
town.desk.follow()
raise SystemExit("is still alive")
"""


@pytest.mark.parametrize(
    ("where", "there"), [("before it is written", 1), ("in the transaction", 1), ("after the commit", 2)]
)
def test_kill_9_neither_loses_nor_doubles_a_message(tmp_path: Path, where: str, there: int) -> None:
    town = Town(tmp_path)
    town.release()
    town.close()
    for number in range(2):
        ended = subprocess.run(
            [sys.executable, "-c", KILLED, where, str(tmp_path), str(70 * (number + 1))],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        if there == 2 and number == 1:
            assert "still alive" in ended.stderr  # it had left before, and nothing more was to be said
        else:
            assert ended.returncode == -signal.SIGKILL, ended.stderr
        with sqlite3.connect(tmp_path / "hub.sqlite3") as db:
            assert db.execute("SELECT count(*) FROM cap_messages").fetchone() == (there,)
            assert db.execute("SELECT count(*) FROM audit WHERE action LIKE 'cap.%'").fetchone() == (there,)
    town = Town(tmp_path)
    try:
        town.now_ms += 300_000
        town.happens(1, rule="density.extreme")
        documents = town.documents()
        assert [text(one, "msgType") for one in documents] == ["Alert", "Update"]
        assert len({text(one, "identifier") for one in documents}) == 2
    finally:
        town.close()


def test_nothing_real_leaves_unless_it_is_set() -> None:
    part = CapPart(sender="a", sender_name="b")
    assert (part.status, part.scope) == ("Test", "Private")
