"""Rows of the outbox: what the judge decides to send, what came of each try, and which channels are disabled.

The writing is inside the caller's transaction; the reading is on any connection.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import msgspec

from hub.notify.routing import Decision, Purpose, Verdict

_STATE = {Verdict.TELL: "waiting", Verdict.HOLD: "held", Verdict.SKIP: "skipped"}


@dataclass(frozen=True, slots=True)
class DeliveryResult:
    """A message as it stands before or after an attempt. `next_try_ms` is None when there will be none.

    `unsure`: how many attempts may have arrived although they failed here; `under_way`: one has begun.
    """

    id: int
    state: str
    attempts: int
    next_try_ms: int | None
    last_error: str | None
    changed_ms: int
    unsure: int = 0
    under_way: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class QuietOver:
    """The quiet hours of one recipient by one channel have ended at `at_ms` (the judge's time).

    `body`: what the digest says, None where nothing is open any more; `alerts`: those that it tells of.
    """

    recipient: str
    channel: str
    language: str
    at_ms: int
    body: bytes | None
    alerts: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TestOrder:
    """A test message that somebody asked for. `body`: hub.notify.letter.AskedBody."""

    channel: str
    recipient: str
    language: str
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelChange:
    """A channel was disabled (`disabled_ms` set) or enabled again, by a person or by the hub."""

    name: str
    disabled_ms: int | None
    reason: str
    changed_ms: int
    by: str


@dataclass(frozen=True, slots=True)
class ChannelRow:
    """What the outbox knows of a channel. `disabled_ms` None: it works, as far as anyone knows."""

    name: str
    disabled_ms: int | None
    reason: str
    changed_ms: int
    changed_by: str


@dataclass(frozen=True, slots=True)
class Counted:
    """Messages of one channel. `delivered_ms`: when the last one was."""

    waiting: int = 0
    held: int = 0
    delivered: int = 0
    failed: int = 0
    delivered_ms: int | None = None


_INSERT = (
    "INSERT INTO deliveries (channel, recipient, purpose, language, alert, transition_id, body, why, reason, state, "
    "attempts, next_try_ms, held_until_ms, created_ms, changed_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, ?, ?, ?, ?)"
)


def put(
    db: sqlite3.Connection,
    decisions: Iterable[Decision],
    *,
    alert: str,
    transition_id: int | None,
    at_ms: int,
) -> None:
    """One row for each decision that is kept. `at_ms` is wall time."""
    db.executemany(
        _INSERT,
        [
            (
                one.channel,
                one.recipient,
                one.purpose.value,
                one.language,
                alert,
                transition_id,
                None,
                one.why.value,
                one.text,
                _STATE[one.verdict],
                at_ms if one.verdict is Verdict.TELL else None,
                one.until_ms,
                at_ms,
                at_ms,
            )
            for one in decisions
            if one.kept
        ],
    )


def end_quiet(db: sqlite3.Connection, over: Sequence[QuietOver], *, at_ms: int) -> None:
    """Writes each digest, and what became of the messages that were held for it."""
    for one in over:
        digest = None
        if one.body is not None:
            digest = db.execute(
                _INSERT,
                (
                    one.channel,
                    one.recipient,
                    Purpose.DIGEST.value,
                    one.language,
                    None,
                    None,
                    one.body,
                    "quiet",
                    "quiet hours are over",
                    "waiting",
                    at_ms,
                    None,
                    at_ms,
                    at_ms,
                ),
            ).lastrowid
        held = "state = 'held' AND recipient = ? AND channel = ? AND held_until_ms <= ?"
        whose = (one.recipient, one.channel, one.at_ms)
        db.execute(
            f"UPDATE deliveries SET state = 'digested', digest = ?, changed_ms = ? WHERE {held} "
            "AND alert IN (SELECT value FROM json_each(?))",
            (digest, at_ms, *whose, msgspec.json.encode(one.alerts).decode()),
        )
        db.execute(
            "UPDATE deliveries SET state = 'lapsed', changed_ms = ?, "
            f"last_error = 'it was over before the quiet hours were' WHERE {held}",
            (at_ms, *whose),
        )


def order_tests(db: sqlite3.Connection, tests: Iterable[TestOrder], *, at_ms: int) -> None:
    db.executemany(
        _INSERT,
        [
            (
                one.channel,
                one.recipient,
                Purpose.TEST.value,
                one.language,
                None,
                None,
                one.body,
                "asked",
                "",
                "waiting",
                at_ms,
                None,
                at_ms,
                at_ms,
            )
            for one in tests
        ],
    )


def note_results(db: sqlite3.Connection, results: Iterable[DeliveryResult]) -> None:
    db.executemany(
        "UPDATE deliveries SET state = ?, attempts = ?, next_try_ms = ?, last_error = ?, changed_ms = ?, unsure = ?, "
        "under_way = ? WHERE id = ?",
        [
            (
                one.state,
                one.attempts,
                one.next_try_ms,
                one.last_error,
                one.changed_ms,
                one.unsure,
                one.under_way,
                one.id,
            )
            for one in results
        ],
    )


def change_channels(db: sqlite3.Connection, changes: Iterable[ChannelChange]) -> None:
    """What waits for a channel that is enabled again is due at once."""
    for one in changes:
        db.execute(
            "INSERT OR REPLACE INTO channels (name, disabled_ms, reason, changed_ms, changed_by) "
            "VALUES (?, ?, ?, ?, ?)",
            (one.name, one.disabled_ms, one.reason, one.changed_ms, one.by),
        )
        if one.disabled_ms is None:
            db.execute(
                "UPDATE deliveries SET next_try_ms = min(next_try_ms, ?) WHERE channel = ? AND state = 'waiting'",
                (one.changed_ms, one.name),
            )


def channel_rows(db: sqlite3.Connection) -> dict[str, ChannelRow]:
    rows = db.execute("SELECT name, disabled_ms, reason, changed_ms, changed_by FROM channels ORDER BY name")
    return {row[0]: ChannelRow(*row) for row in rows}


def counted(db: sqlite3.Connection) -> dict[str, Counted]:
    """Messages of each channel that has or had any."""
    rows = db.execute(
        "SELECT channel, sum(state = 'waiting'), sum(state = 'held'), sum(state = 'delivered'), "
        "sum(state IN ('refused', 'given_up')), max(CASE WHEN state = 'delivered' THEN changed_ms END) "
        "FROM deliveries WHERE channel <> '' GROUP BY channel"
    )
    return {row[0]: Counted(*row[1:]) for row in rows}
