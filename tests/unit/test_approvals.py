"""Two persons: who may be the second, what is approved, and that it happens exactly once."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hub.people.actor import OPEN, Actor
from hub.people.approvals import MINUTE_MS, VALID_MINUTES, Approval, Approvals, Done, InHand, hash_of
from hub.people.refused import Refused
from hub.rights import Right, Role
from tests.kit.people_inside import BOSS, PeopleInside

PAYLOAD = {"rule": "density.critical", "subject": "zone-0", "minutes": 10}


class Doer:
    """Writes a row in the transaction that it marks as done, as every executor must."""

    def __init__(self, inside: PeopleInside) -> None:
        self.inside = inside
        self.calls: list[str] = []
        self.problem: BaseException | None = None
        with inside.people.db.write() as db:
            db.execute("CREATE TABLE IF NOT EXISTS effects (approval TEXT)")

    def __call__(self, approval: Approval, done: Done) -> str:
        self.calls.append(approval.id)
        if self.problem is not None:
            raise self.problem
        with self.inside.people.db.write() as db:
            db.execute("INSERT INTO effects VALUES (?)", (approval.id,))
            done(db)
        return "it is off"

    @property
    def effects(self) -> int:
        return int(self.inside.rows("SELECT count(*) FROM effects")[0][0])


@pytest.fixture
def inside(tmp_path: Path) -> Iterator[PeopleInside]:
    with PeopleInside(tmp_path) as inside:
        for login, role in (
            ("tech", Role.TECHNICIAN),
            ("super", Role.SUPERVISOR),
            ("head", Role.SUPERVISOR),
            ("admin", Role.ADMINISTRATOR),
            ("op", Role.OPERATOR),
            ("far", Role.SUPERVISOR),
        ):
            inside.user(login, role, sites=["elsewhere"] if login == "far" else None)
        yield inside


@pytest.fixture
def doer(inside: PeopleInside) -> Doer:
    doer = Doer(inside)
    inside.people.approvals.register("rule.high-off", doer)
    return doer


def ask(inside: PeopleInside, by: Actor | None = None, **more: Any) -> Approval:
    return inside.people.approvals.ask(
        **{
            "action": "rule.high-off",
            "right": Right.HIGH_RULE_OFF,
            "site": "square",
            "payload": PAYLOAD,
            "summary": "put density.critical at zone-0 out of service for 10 min",
            "reason": "the camera is being cleaned",
            "by": by or inside.actor("tech"),
            **more,
        }
    )


def decide(
    inside: PeopleInside, asked: Approval, by: str | Actor, *, approve: bool = True, **more: Any
) -> Approval:
    return inside.people.approvals.decide(
        asked.id,
        **{
            "approve": approve,
            "by": inside.actor(by) if isinstance(by, str) else by,
            "payload_hash": asked.payload_hash,
            "reason": "" if approve else "not today",
            **more,
        },
    )


def refused(kind: str, do: Any) -> str:
    with pytest.raises(Refused) as error:
        do()
    assert error.value.kind == kind, error.value
    return str(error.value)


def test_one_asks_another_approves_and_it_is_done_once(inside: PeopleInside, doer: Doer) -> None:
    asked = ask(inside)
    assert (asked.state, asked.asked_by, asked.until_ms - asked.asked_ms) == (
        "waiting",
        "tech",
        VALID_MINUTES * MINUTE_MS,
    )
    assert doer.effects == 0
    done = decide(inside, asked, "super")
    assert (done.state, done.decided_by, done.outcome) == ("done", "super", "it is off")
    refused("conflict", lambda: decide(inside, asked, "head"))
    refused("conflict", lambda: decide(inside, asked, "head", approve=False))
    assert inside.again() and doer.effects == 1
    assert [
        (verb, inside.noted(verb)[0][0]) for verb in ("approval.ask", "approval.approve", "approval.done")
    ] == [("approval.ask", "tech"), ("approval.approve", "super"), ("approval.done", "super")]
    assert inside.noted("approval.approve")[0][3]["payload_hash"] == hash_of(PAYLOAD)


def test_nobody_approves_what_he_asked_for(inside: PeopleInside, doer: Doer) -> None:
    asked = ask(inside, inside.actor("super"))
    refused("forbidden", lambda: decide(inside, asked, "super"))
    # not by another session, nor with a role more
    inside.people.users.change("super", roles=[Role.SUPERVISOR, Role.ADMINISTRATOR], by=BOSS)
    refused("forbidden", lambda: decide(inside, asked, "super"))
    refused("forbidden", lambda: decide(inside, asked, "super", approve=False))
    assert doer.calls == []
    assert decide(inside, asked, "head").state == "done"


@pytest.mark.parametrize("by", ["op", "tech", "far"])
def test_the_second_person_needs_the_right_on_this_site(inside: PeopleInside, doer: Doer, by: str) -> None:
    asked = ask(inside, inside.actor("super"))
    refused("forbidden", lambda: decide(inside, asked, by))
    assert doer.calls == []


def test_a_token_approves_nothing(inside: PeopleInside, doer: Doer) -> None:
    from dataclasses import replace

    asked = ask(inside)
    refused("forbidden", lambda: decide(inside, asked, replace(inside.actor("super"), via="token")))


def test_who_may_ask(inside: PeopleInside, doer: Doer) -> None:
    for login in ("op", "admin", "far"):
        refused("forbidden", lambda login=login: ask(inside, inside.actor(login)))
    refused("invalid", lambda: ask(inside, reason=" "))
    refused("invalid", lambda: ask(inside, minutes=0))
    with pytest.raises(LookupError):
        ask(inside, action="nothing.known")
    with pytest.raises(ValueError, match="no second person"):
        ask(inside, right=Right.LOOK)


def test_what_is_approved_is_what_was_read(inside: PeopleInside, doer: Doer) -> None:
    asked = ask(inside)
    refused(
        "conflict", lambda: decide(inside, asked, "super", payload_hash=hash_of({**PAYLOAD, "minutes": 600}))
    )
    db = sqlite3.connect(inside.path)
    with db:
        db.execute("UPDATE approvals SET payload = '{\"minutes\":600}'")
    db.close()
    refused("conflict", lambda: decide(inside, asked, "super"))
    assert doer.calls == []


def test_asking_twice_is_one_request(inside: PeopleInside, doer: Doer) -> None:
    first = ask(inside)
    assert ask(inside).id == first.id
    assert ask(inside, payload={**PAYLOAD, "minutes": 11}).id != first.id
    decide(inside, first, "super", approve=False)
    assert ask(inside).id != first.id


def test_a_refusal_has_a_reason_and_ends_it(inside: PeopleInside, doer: Doer) -> None:
    asked = ask(inside)
    refused("invalid", lambda: decide(inside, asked, "super", approve=False, reason=" "))
    found = decide(inside, asked, "super", approve=False, reason="a concert tonight")
    assert (found.state, found.decided_reason) == ("refused", "a concert tonight")
    refused("conflict", lambda: decide(inside, asked, "head"))
    assert doer.calls == []


def test_it_waits_so_long_and_no_longer(inside: PeopleInside, doer: Doer) -> None:
    asked = ask(inside)
    inside.now_ms += VALID_MINUTES * MINUTE_MS - 1
    assert inside.people.approvals.get(asked.id).state == "waiting"
    inside.now_ms += 1
    assert inside.people.approvals.get(asked.id).state == "expired"
    assert inside.people.approvals.all(waiting=True) == []
    refused("conflict", lambda: decide(inside, asked, "super"))
    assert doer.calls == []


def test_who_asked_takes_it_back(inside: PeopleInside, doer: Doer) -> None:
    asked = ask(inside)
    refused("forbidden", lambda: inside.people.approvals.withdraw(asked.id, by=inside.actor("super")))
    assert inside.people.approvals.withdraw(asked.id, by=inside.actor("tech")).state == "withdrawn"
    refused("conflict", lambda: decide(inside, asked, "super"))


@pytest.mark.parametrize("what", ["disable", "roles"])
def test_who_asked_must_still_be_allowed_to(inside: PeopleInside, doer: Doer, what: str) -> None:
    asked = ask(inside)
    if what == "disable":
        inside.people.users.disable("tech", by=BOSS)
    else:
        inside.people.users.change("tech", roles=[Role.VIEWER], by=BOSS)
    refused("conflict", lambda: decide(inside, asked, "super"))
    assert doer.calls == []


def test_of_two_who_approve_at_once_one_is_first(inside: PeopleInside, doer: Doer) -> None:
    deciders = [inside.actor(login) for login in ("super", "head", "admin", "super", "head", "admin")]
    asked = ask(inside)
    start, results = threading.Barrier(len(deciders)), []

    def approve(by: Actor, approve: bool) -> None:
        start.wait()
        try:
            results.append(decide(inside, asked, by, approve=approve).state)
        except Refused as error:
            results.append(error.kind)

    threads = [threading.Thread(target=approve, args=(one, n % 3 != 2)) for n, one in enumerate(deciders)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert results.count("conflict") == len(deciders) - 1
    state = inside.people.approvals.get(asked.id).state
    assert (state, doer.effects) in (("done", 1), ("refused", 0))


def test_what_can_not_be_done_says_so(inside: PeopleInside, doer: Doer) -> None:
    asked = ask(inside)
    doer.problem = Refused("conflict", "there is no such rule", "look again")
    assert "no such rule" in refused("conflict", lambda: decide(inside, asked, "super"))
    found = inside.people.approvals.get(asked.id)
    assert (found.state, found.outcome) == ("failed", "there is no such rule; look again")
    assert inside.noted("approval.failed")[0][:3] == ("hub", "hub", asked.id)
    doer.problem = RuntimeError("broken")
    asked = ask(inside)
    with pytest.raises(RuntimeError):
        decide(inside, asked, "super")
    assert inside.people.approvals.get(asked.id).state == "failed"


def test_what_was_approved_when_the_hub_died_is_done_at_the_next_start(
    inside: PeopleInside, doer: Doer
) -> None:
    """InHand stands for the moment of the crash: approved is on disk, what follows is not."""
    asked = ask(inside)
    doer.problem = InHand()
    assert decide(inside, asked, "super").state == "approved"
    approvals = restarted(inside, doer)
    doer.problem = None
    assert [one.state for one in approvals.resume()] == ["done"]
    assert doer.effects == 1
    assert approvals.resume() == []
    assert restarted(inside, doer).resume() == []
    assert doer.effects == 1


def test_what_was_approved_too_long_ago_is_not_done_any_more(inside: PeopleInside, doer: Doer) -> None:
    asked = ask(inside)
    doer.problem = InHand()
    decide(inside, asked, "super")
    inside.now_ms += VALID_MINUTES * MINUTE_MS
    doer.problem = None
    assert [one.state for one in restarted(inside, doer).resume()] == ["failed"]
    assert doer.effects == 0


def test_done_and_what_was_done_are_one(inside: PeopleInside, doer: Doer) -> None:
    """A crash after the effect and before the commit leaves neither; a second execution leaves one."""
    asked = ask(inside)

    def dies(approval: Approval, done: Done) -> str:
        with inside.people.db.write() as db:
            db.execute("INSERT INTO effects VALUES (?)", (approval.id,))
            done(db)
            raise InHand

    inside.people.approvals._executors["rule.high-off"] = dies
    assert decide(inside, asked, "super").state == "approved"
    assert doer.effects == 0
    assert [one.state for one in restarted(inside, doer).resume()] == ["done"]

    def again(approval: Approval, done: Done) -> str:
        return doer(approval, done)

    with pytest.raises(Refused, match="done before"):
        inside.people.approvals._execute(inside.people.approvals.get(asked.id))
    assert doer.effects == 1


def test_in_open_mode_two_names_are_needed(inside: PeopleInside, doer: Doer) -> None:
    asked = ask(inside, OPEN, name="Ana")
    assert asked.asked_by == "Ana"
    for same in ("Ana", " ANA "):
        refused("forbidden", lambda same=same: decide(inside, asked, OPEN, name=same))
    assert decide(inside, asked, OPEN, name="Bo").decided_by == "Bo"


def restarted(inside: PeopleInside, doer: Doer) -> Approvals:
    approvals = inside.again().approvals
    approvals.register("rule.high-off", doer)
    return approvals
