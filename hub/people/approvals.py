"""What two persons do together: one asks, another with the right approves, and then it happens exactly once.

    waiting --approve--> approved --done, in the transaction of what was done--> done
       |                    '--could not be done--> failed
       '--refuse--> refused   '--withdraw (by who asked)--> withdrawn   '--time passed--> expired

What is approved is the payload whose SHA-256 the second person saw. An executor puts `done` into the transaction that
does the thing, on whatever connection, so that a crash leaves either both or neither; what was approved and not done
when the hub died is done at the next start, if its time has not passed.
"""

from __future__ import annotations

import hashlib
import json
import logging
import secrets
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

from hub import audit
from hub.people.actor import Actor
from hub.people.database import PeopleDatabase
from hub.people.noted import note
from hub.people.refused import Refused
from hub.people.users import roles_in, sites_in
from hub.rights import RIGHTS, Right

log = logging.getLogger("hub.people")

State = Literal["waiting", "approved", "done", "failed", "refused", "withdrawn", "expired"]

VALID_MINUTES = 30
VALID_MINUTES_MAX = 24 * 60
WAITING_MAX = 100
REASON_MAX = 400
MINUTE_MS = 60_000
_COLUMNS = (
    "id, action, needs, site, payload, payload_hash, summary, reason, asked_by, asked_user, asked_ms, until_ms, "
    "state, decided_by, decided_ms, decided_reason, done_ms, outcome"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """One request for a second person. `summary` says in words what `payload` does."""

    id: str
    action: str
    right: Right
    site: str
    payload: dict[str, Any]
    payload_hash: str
    summary: str
    reason: str
    asked_by: str
    asked_user: int | None
    asked_ms: int
    until_ms: int
    state: State
    decided_by: str | None
    decided_ms: int | None
    decided_reason: str | None
    done_ms: int | None
    outcome: str | None


Done = Callable[[sqlite3.Connection], None]
Executor = Callable[[Approval, Done], str]
"""Does what was approved and returns in words what came of it.

It calls `done(connection)` inside the transaction that does it, and returns once that is on disk. It raises Refused, or
anything else, where it could not be done; then nothing has happened. It raises InHand where it is not known yet.
"""


class InHand(Exception):
    """Handed on to be done, and not on disk so far: it will be done, or resumed at the next start."""


def canonical(payload: dict[str, Any]) -> str:
    return json.dumps(payload, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def hash_of(payload: dict[str, Any]) -> str:
    """What the second person approves."""
    return hashlib.sha256(canonical(payload).encode("utf-8", "surrogatepass")).hexdigest()


class Approvals:
    """Any thread may call. `register` each action's executor before `resume`."""

    def __init__(self, db: PeopleDatabase, *, clock: Callable[[], int]) -> None:
        self._db = db
        self._clock = clock
        self._executors: dict[str, Executor] = {}

    def register(self, action: str, executor: Executor) -> None:
        """Says how `action` is done. One for each action."""
        assert action not in self._executors, action
        self._executors[action] = executor

    def ask(
        self,
        *,
        action: str,
        right: Right,
        site: str,
        payload: dict[str, Any],
        summary: str,
        reason: str,
        by: Actor,
        name: str | None = None,
        minutes: int = VALID_MINUTES,
    ) -> Approval:
        """Puts it before a second person. `name`: who asks, in open mode. Raises Refused."""
        asker = name if by.via == "open" and name else by.name
        if action not in self._executors:
            raise LookupError(f"nothing is registered to do {action}")
        if not RIGHTS[right].two_persons:
            raise ValueError(f"{right} needs no second person")
        if not by.may(right, site=site):
            raise Refused("forbidden", f"you may not {RIGHTS[right].words}", "ask somebody who may")
        if not 1 <= len(reason.strip()) <= REASON_MAX:
            raise Refused("invalid", "a second person needs to read why", "give a reason")
        if not 1 <= minutes <= VALID_MINUTES_MAX:
            raise Refused("invalid", f"it can not wait {minutes} minutes", f"choose 1 to {VALID_MINUTES_MAX}")
        ident, now_ms = secrets.token_hex(8), self._clock()
        text, digest = canonical(payload), hash_of(payload)
        with self._db.write() as db:
            self._expire(db, now_ms)
            same = db.execute(
                "SELECT id FROM approvals WHERE state = 'waiting' AND action = ? AND payload_hash = ? AND asked_by = ?",
                (action, digest, asker),
            ).fetchone()
            if same is not None:
                return self._read(db, same[0])
            (waiting,) = db.execute("SELECT count(*) FROM approvals WHERE state = 'waiting'").fetchone()
            if waiting >= WAITING_MAX:
                raise Refused(
                    "conflict", f"{waiting} requests wait already", "decide or withdraw some of them"
                )
            db.execute(
                f"INSERT INTO approvals ({_COLUMNS}) VALUES "
                "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'waiting', NULL, NULL, NULL, NULL, NULL)",
                (
                    ident,
                    action,
                    right.value,
                    site,
                    text,
                    digest,
                    summary,
                    reason.strip(),
                    asker,
                    by.user,
                    now_ms,
                    now_ms + minutes * MINUTE_MS,
                ),
            )
            found = self._read(db, ident)
            self._note(db, found, "approval.ask", asker, by.via, reason=found.reason)
        return found

    def decide(
        self,
        ident: str,
        *,
        approve: bool,
        by: Actor,
        payload_hash: str,
        reason: str = "",
        name: str | None = None,
    ) -> Approval:
        """Approves and does it, or refuses it. `payload_hash`: of what the second person saw. Raises Refused.

        Of two that decide at once one is first, and the other is told what became of it.
        """
        decider = name if by.via == "open" and name else by.name
        if not approve and not reason.strip():
            raise Refused("invalid", "a refusal needs a reason", "say why, for who asked")
        now_ms = self._clock()
        with self._db.write() as db:
            self._expire(db, now_ms)
            found = self._read(db, ident)
            if found.state != "waiting":
                raise _decided(found)
            self._may_decide(db, found, by, decider)
            if payload_hash != found.payload_hash or hash_of(found.payload) != found.payload_hash:
                raise Refused(
                    "conflict",
                    "this is not what was asked for",
                    "read the request again before you approve it",
                )
            state: State = "approved" if approve else "refused"
            db.execute(
                "UPDATE approvals SET state = ?, decided_by = ?, decided_ms = ?, decided_reason = ? WHERE id = ?",
                (state, decider, now_ms, reason.strip()[:REASON_MAX] or None, ident),
            )
            verb = "approval.approve" if approve else "approval.refuse"
            self._note(db, found, verb, decider, by.via, reason=reason.strip()[:REASON_MAX])
            found = self._read(db, ident)
        return self._execute(found) if approve else found

    def withdraw(self, ident: str, *, by: Actor, name: str | None = None) -> Approval:
        """Takes back what one asked for oneself. Raises Refused."""
        asker = name if by.via == "open" and name else by.name
        now_ms = self._clock()
        with self._db.write() as db:
            self._expire(db, now_ms)
            found = self._read(db, ident)
            if found.state != "waiting":
                raise _decided(found)
            if not _same_person(found, by, asker):
                raise Refused("forbidden", f"{found.asked_by} asked for this", "refuse it instead")
            db.execute(
                "UPDATE approvals SET state = 'withdrawn', decided_by = ?, decided_ms = ? WHERE id = ?",
                (asker, now_ms, ident),
            )
            self._note(db, found, "approval.withdraw", asker, by.via)
            return self._read(db, ident)

    def resume(self) -> list[Approval]:
        """At the start of the hub: does what was approved and not done when it stopped, if its time has not passed."""
        now_ms = self._clock()
        with self._db.write() as db:
            self._expire(db, now_ms)
            rows = db.execute(
                "SELECT id FROM approvals WHERE state = 'approved' ORDER BY decided_ms"
            ).fetchall()
            left = [self._read(db, ident) for (ident,) in rows]
        found = []
        for one in left:
            if one.until_ms <= now_ms:
                found.append(
                    self._fail(one, "the hub stopped before it could be done, and its time has passed")
                )
                continue
            try:
                found.append(self._execute(one))
            except Refused as refused:
                log.warning("approved by %s and not done: %s: %s", one.decided_by, one.summary, refused)
        return found

    def get(self, ident: str) -> Approval:
        """Raises Refused("unknown")."""
        row = self._db.one(f"SELECT {_COLUMNS} FROM approvals WHERE id = ?", ident)
        if row is None:
            raise _unknown(ident)
        return self._shown(_approval(row))

    def all(self, *, waiting: bool | None = None, limit: int = 200) -> list[Approval]:
        """Newest first. `waiting` True: those that can still be decided."""
        rows = self._db.all(
            f"SELECT {_COLUMNS} FROM approvals ORDER BY asked_ms DESC, id LIMIT ?", max(limit, WAITING_MAX)
        )
        found = [self._shown(_approval(row)) for row in rows]
        if waiting is not None:
            found = [one for one in found if (one.state == "waiting") is waiting]
        return found[:limit]

    def _shown(self, one: Approval) -> Approval:
        if one.state == "waiting" and one.until_ms <= self._clock():
            return replace(one, state="expired")
        return one

    def _execute(self, approved: Approval) -> Approval:
        def done(db: sqlite3.Connection) -> None:
            """Inside the transaction that does it: done and noted with it, or not at all. Raises Refused."""
            now_ms = self._clock()
            moved = db.execute(
                "UPDATE approvals SET state = 'done', done_ms = ? WHERE id = ? AND state = 'approved'",
                (now_ms, approved.id),
            ).rowcount
            if not moved:
                raise Refused("conflict", f"request {approved.id} was done before", "see what became of it")
            self._note(db, approved, "approval.done", approved.decided_by or "", "session")

        try:
            outcome = self._executors[approved.action](approved, done)
        except InHand:
            return self.get(approved.id)
        except Refused as refused:
            self._fail(approved, str(refused))
            raise
        except Exception as error:
            self._fail(approved, f"the hub failed on it: {type(error).__name__}")
            raise
        with self._db.write() as db:
            db.execute("UPDATE approvals SET outcome = ? WHERE id = ?", (outcome, approved.id))
            return self._read(db, approved.id)

    def _fail(self, approved: Approval, why: str) -> Approval:
        with self._db.write() as db:
            # not where it was done after all, and only the answer was lost
            moved = db.execute(
                "UPDATE approvals SET state = 'failed', done_ms = ?, outcome = ? WHERE id = ? AND state = 'approved'",
                (self._clock(), why, approved.id),
            ).rowcount
            if moved:
                self._note(db, approved, "approval.failed", audit.HUB, audit.HUB, why=why)
            return self._read(db, approved.id)

    def _may_decide(self, db: sqlite3.Connection, found: Approval, by: Actor, decider: str) -> None:
        if not by.may_approve(found.right, site=found.site):
            roles = ", ".join(sorted(RIGHTS[found.right].approved_by))
            raise Refused(
                "forbidden", "you can not be the second person for this", f"it takes one of the roles {roles}"
            )
        if _same_person(found, by, decider):
            raise Refused(
                "forbidden", "nobody approves what he asked for himself", "let somebody else look at it"
            )
        if found.asked_user is None:
            return
        row = db.execute(
            "SELECT roles, sites, disabled FROM users WHERE id = ?", (found.asked_user,)
        ).fetchone()
        asker = Actor(name=found.asked_by, display="", roles=roles_in(row[0]), sites=sites_in(row[1]))
        if row[2] or not asker.may(found.right, site=found.site):
            raise Refused(
                "conflict",
                f"{found.asked_by} may no longer ask for this",
                "refuse it, or ask for it yourself",
            )

    def _expire(self, db: sqlite3.Connection, now_ms: int) -> None:
        rows = db.execute(
            f"SELECT {_COLUMNS} FROM approvals WHERE state = 'waiting' AND until_ms <= ?", (now_ms,)
        ).fetchall()
        for row in rows:
            found = _approval(row)
            db.execute("UPDATE approvals SET state = 'expired' WHERE id = ?", (found.id,))
            self._note(db, found, "approval.expire", audit.HUB, audit.HUB)

    def _read(self, db: sqlite3.Connection, ident: str) -> Approval:
        row = db.execute(f"SELECT {_COLUMNS} FROM approvals WHERE id = ?", (ident,)).fetchone()
        if row is None:
            raise _unknown(ident)
        return _approval(row)

    def _note(
        self, db: sqlite3.Connection, one: Approval, verb: str, actor: str, via: str, **detail: str
    ) -> None:
        note(
            db,
            at_ms=self._clock(),
            actor=actor,
            via=via,
            action=verb,
            subject=one.id,
            detail={
                "action": one.action,
                "summary": one.summary,
                "payload_hash": one.payload_hash,
                "asked_by": one.asked_by,
                **{name: text for name, text in detail.items() if text},
            },
        )


def _approval(row: tuple[Any, ...]) -> Approval:
    ident, action, needs, site, payload, digest, *rest = row
    names = (
        "summary", "reason", "asked_by", "asked_user", "asked_ms", "until_ms", "state", "decided_by", "decided_ms",
        "decided_reason", "done_ms", "outcome",
    )  # fmt: skip
    return Approval(
        id=ident,
        action=action,
        right=Right(needs),
        site=site,
        payload=json.loads(payload),
        payload_hash=digest,
        **dict(zip(names, rest, strict=True)),
    )


def _same_person(found: Approval, by: Actor, name: str) -> bool:
    if found.asked_user is not None and found.asked_user == by.user:
        return True
    return found.asked_by.strip().casefold() == name.strip().casefold()


def _unknown(ident: str) -> Refused:
    return Refused("unknown", f"there is no request {ident[:40]}", "see /api/v1/approvals")


def _decided(found: Approval) -> Refused:
    who = f" by {found.decided_by}" if found.decided_by else ""
    return Refused("conflict", f"the request is {found.state} already{who}", "see what became of it")
