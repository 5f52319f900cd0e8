"""Putting a rule out of service: at once, or, where it can raise a high alert, when a second person has approved."""

from __future__ import annotations

import logging
import sqlite3
from concurrent.futures import Future

import msgspec

from contract.instants import from_ms
from contract.phrase import say
from hub.acted import acted
from hub.batch import Batch
from hub.judge import Judge
from hub.monitor import IllegalAction, Monitor, OutOfService
from hub.people.actor import Actor
from hub.people.approvals import Approval, Approvals, Done, InHand
from hub.people.refused import Refused
from hub.rights import Right

log = logging.getLogger("hub.people")

ACTION = "rule.high-off"
MINUTE_MS = 60_000
WRITTEN_S = 10.0


class TakingOut:
    """Any thread may call."""

    def __init__(self, *, monitor: Monitor, judge: Judge, approvals: Approvals, site: str) -> None:
        self._monitor = monitor
        self._judge = judge
        self._approvals = approvals
        self._site = site
        approvals.register(ACTION, self._approved)

    def at_once(
        self, *, rule: str, subject: str, minutes: int, reason: str, by: str, via: str
    ) -> Future[OutOfService]:
        """For a rule that `needs_two` says no to. The future raises IllegalAction where it can not be done."""

        def do(batch: Batch, now_ms: int) -> OutOfService:
            if self.needs_two(rule, subject):
                raise IllegalAction(
                    say("this rule can raise a high alert"), say("let a second person approve it")
                )
            return self._take(batch, now_ms, rule, subject, minutes, reason, by, via)

        return self._judge.ask(do)

    def needs_two(self, rule: str, subject: str) -> bool:
        return self._monitor.worst_severity(rule, subject) == "high"

    def ask(
        self, *, rule: str, subject: str, minutes: int, reason: str, by: Actor, name: str, valid_minutes: int
    ) -> Approval:
        """Puts it before a second person. Raises Refused."""
        return self._approvals.ask(
            action=ACTION,
            right=Right.HIGH_RULE_OFF,
            site=self._site,
            payload={"rule": rule, "subject": subject, "minutes": minutes, "reason": reason},
            summary=f"put {rule} at {subject} out of service for {minutes} min",
            reason=reason,
            by=by,
            name=name,
            minutes=valid_minutes,
        )

    def _take(
        self,
        batch: Batch,
        now_ms: int,
        rule: str,
        subject: str,
        minutes: int,
        reason: str,
        by: str,
        via: str,
        approved_by: str | None = None,
    ) -> OutOfService:
        action = OutOfService(
            rule=rule, subject=subject, by=by, until_ms=now_ms + minutes * MINUTE_MS, reason=reason
        )
        self._judge.note_transitions(self._monitor.act(action, now_ms), batch)
        entry = acted(action, via=via, at_ms=batch.at_ms)
        if approved_by is not None:
            entry = msgspec.structs.replace(entry, detail={**entry.detail, "approved_by": approved_by})
        batch.audit.append(entry)
        return action

    def _approved(self, approval: Approval, done: Done) -> str:
        asked = approval.payload

        def settle(db: sqlite3.Connection) -> None:
            try:
                done(db)
            except Refused as refused:  # the judge's round must not fail over it, and again and again
                log.error("%s: %s", approval.summary, refused)

        def do(batch: Batch, now_ms: int) -> OutOfService:
            action = self._take(
                batch,
                now_ms,
                asked["rule"],
                asked["subject"],
                asked["minutes"],
                asked["reason"],
                approval.asked_by,
                "session" if approval.asked_user is not None else "open",
                approval.decided_by,
            )
            batch.within.append(settle)
            return action

        try:
            action = self._judge.ask(do).result(WRITTEN_S)
        except IllegalAction as error:
            raise Refused("conflict", error.problem, error.do) from None
        except TimeoutError:
            raise InHand from None
        return f"out of service until {from_ms(action.until_ms)}"
