"""Is the audit log as it was written? Works the chain out again and holds it against what was anchored elsewhere.

What somebody did directly in the database file is found: an entry edited, removed, put in, moved, cut off at the end.
One who also works out every hash anew is found by an anchor: a head that was written down outside the database. What
was added at the end after the newest anchor, by somebody who can write the file, is not found; nor who opened it.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from contract.instants import from_ms
from hub.audit import CHECKPOINT, GENESIS, RESTORED, StoredEntry, canonical, chained

_COLUMNS = "seq, at_ms, actor, via, action, subject, detail, previous, hash"
# How far an entry is looked for that somebody moved, to name what was done; it is found to be wrong in any case.
_MOVED_MAX = 2_000


class Wrong(StrEnum):
    """What was done to the log."""

    EDITED = "edited"
    DELETED = "deleted"
    INSERTED = "inserted"
    REORDERED = "reordered"
    TRUNCATED = "truncated"
    REWRITTEN = "rewritten"


@dataclass(frozen=True, slots=True)
class Anchor:
    """A head as somebody else knows it. `at_ms` None: they did not write down when."""

    seq: int
    hash: bytes
    at_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """The first entry that is wrong, and how. `seq` is the first entry that can not be trusted."""

    wrong: Wrong
    seq: int
    text: str


@dataclass(frozen=True, slots=True)
class Checked:
    """`first` and `last`: the entries there are (0: none). `anchors`: how many could be held against the chain."""

    finding: Finding | None
    first: int
    last: int
    hash: bytes
    anchors: int
    anchors_before: int  # anchors of entries that retention has removed since


def check(
    db: sqlite3.Connection,
    *,
    anchors: Sequence[Anchor] = (),
    heads: Iterable[bytes] = (),
    restored: int | None = None,
) -> Checked:
    """Reads the whole log in one view of the database. Raises sqlite3.Error where it can not be read at all.

    `heads`: hashes of which the numbers are not known; some entry must have each. `restored`: the number of a restore's
    entry that somebody answers for; anchors from before it of entries that the restore lost are then no finding.
    """
    db.execute("BEGIN")
    try:
        return _Walk(db, anchors, set(heads), restored).walked()
    finally:
        db.execute("ROLLBACK")


def entries(db: sqlite3.Connection, *, after: int = -1) -> Iterator[StoredEntry]:
    """All entries above number `after`, in order."""
    for row in db.execute(f"SELECT {_COLUMNS} FROM audit WHERE seq > ? ORDER BY seq", (after,)):
        yield StoredEntry(*row)


def written_as(entry: StoredEntry, seqs: Iterable[int]) -> int | None:
    """The number, of these, under which the entry's own hash holds; None when it holds under none."""
    fields = (entry.at_ms, entry.actor, entry.via, entry.action, entry.subject, entry.detail)
    for seq in seqs:
        try:
            if chained(entry.previous, canonical(seq, *fields)) == entry.hash:
                return seq
        except TypeError:  # a value of a kind that no entry has
            return None
    return None


class _Walk:
    def __init__(
        self, db: sqlite3.Connection, anchors: Sequence[Anchor], heads: set[bytes], restored: int | None
    ) -> None:
        self._db = db
        head = db.execute("SELECT seq, hash, pruned FROM audit_head").fetchone()
        self._head_seq: int
        self._head_hash: bytes
        self._pruned: int
        self._head_seq, self._head_hash, self._pruned = head or (0, b"", 0)
        self._heads = heads
        self._anchors = anchors
        self._restored = restored
        self._hashes: dict[int, bytes] = {one.seq: b"" for one in anchors}
        self._checkpoints: dict[int, bytes] = {}
        self._restored_ms: int | None = None
        self._first = self._last = 0
        self._hash = GENESIS

    def walked(self) -> Checked:
        finding = self._chain() or self._pruning() or self._end() or self._anchored()
        known = [one for one in self._anchors if one.seq >= self._first - 1]
        return Checked(
            finding, self._first, self._last, self._hash, len(known), len(self._anchors) - len(known)
        )

    def _chain(self) -> Finding | None:
        expected = self._pruned + 1
        before: StoredEntry | None = None
        for entry in entries(self._db):
            if before is None and self._pruned and entry.seq == expected:
                self._hash = entry.previous  # a checkpoint further on must say the same
            finding = self._wrong(entry, expected, before)
            if finding is not None:
                return finding
            self._first = self._first or entry.seq
            self._last, self._hash, before = entry.seq, entry.hash, entry
            self._heads.discard(entry.hash)
            expected = entry.seq + 1
            if entry.seq in self._hashes:
                self._hashes[entry.seq] = entry.hash
            if entry.action == CHECKPOINT:
                self._note_checkpoint(entry)
            if entry.seq == self._restored and entry.action == RESTORED:
                self._restored_ms = entry.at_ms
        return None

    def _wrong(self, entry: StoredEntry, expected: int, before: StoredEntry | None) -> Finding | None:
        if entry.seq != expected:
            if entry.seq < expected:  # below what was pruned, or below 1
                return Finding(Wrong.INSERTED, entry.seq, f"entry {entry.seq} stands where none can be")
            missing = f"{expected}" if entry.seq == expected + 1 else f"{expected} to {entry.seq - 1}"
            return Finding(Wrong.DELETED, expected, f"missing: {missing}")
        if written_as(entry, (entry.seq,)) is None:
            return self._broken(entry)
        if entry.previous != self._hash:
            if before is None:
                return Finding(Wrong.DELETED, entry.seq, "the first entry follows one that is not there")
            return Finding(
                Wrong.EDITED,
                before.seq,
                f"entry {before.seq} is not the one that entry {entry.seq} was chained to: it was changed or "
                "exchanged, and its hash made anew",
            )
        return None

    def _broken(self, entry: StoredEntry) -> Finding:
        """An entry whose own hash does not hold where it stands: was it changed, or does it belong elsewhere?"""
        at = entry.seq
        near = range(max(1, at - _MOVED_MAX), at + _MOVED_MAX)
        was = written_as(entry, near)
        if was is None:
            return Finding(Wrong.EDITED, at, f"entry {at} does not say what it said when it was written")
        if was < at:
            # everything from there on has moved up: the one that stands where this belongs was put in
            return Finding(Wrong.INSERTED, was, f"entry {was} was put in; what was entry {was} is now {at}")
        here = None  # where the entry now is that was written as this one
        for one in entries(self._db, after=at):
            if one.seq > at + _MOVED_MAX:
                break
            if written_as(one, (at,)) is not None:
                here = one.seq
                break
        if here is not None:
            return Finding(
                Wrong.REORDERED, at, f"in its place stands what was written as entry {was}; it is now {here}"
            )
        return Finding(
            Wrong.DELETED,
            at,
            f"entries were removed and the rest renumbered: {at} was written as entry {was}",
        )

    def _note_checkpoint(self, entry: StoredEntry) -> None:
        try:
            said = json.loads(entry.detail)
            self._checkpoints[said["up_to"]] = bytes.fromhex(said["hash"])
        except (ValueError, KeyError, TypeError):
            return  # not one that retention wrote: it speaks of nothing

    def _pruning(self) -> Finding | None:
        if not self._pruned:
            return None
        said = self._checkpoints.get(self._pruned)
        first = next(iter(entries(self._db)), None)
        if first is None or said is None or said != first.previous:
            return Finding(
                Wrong.DELETED,
                self._pruned + 1,
                f"everything up to entry {self._pruned} is gone, and no checkpoint in the log speaks of it",
            )
        return None

    def _end(self) -> Finding | None:
        if (self._last, self._hash) == (self._head_seq, self._head_hash):
            return None
        if self._last < self._head_seq:
            return Finding(
                Wrong.TRUNCATED,
                self._last + 1,
                f"the log ends at entry {self._last}, and the database knows of {self._head_seq}",
            )
        if self._last > self._head_seq:
            return Finding(
                Wrong.INSERTED, self._head_seq + 1, "added at the end past what the hub wrote as its newest"
            )
        return Finding(
            Wrong.EDITED, self._last, f"entry {self._last} is not what the hub wrote as its newest"
        )

    def _anchored(self) -> Finding | None:
        """In the order of their entries: between the last that holds and the first that does not lies what is wrong."""
        held = self._first or 1
        for anchor in sorted(self._anchors, key=lambda one: one.seq):
            when = "" if anchor.at_ms is None else f" of {from_ms(anchor.at_ms)}"
            if self._lost_by_restore(anchor) or anchor.seq < self._first - 1:
                continue
            if anchor.seq > self._last:
                text = f"the anchor{when} knows entry {anchor.seq}, and the log ends at {self._last}"
                return Finding(Wrong.TRUNCATED, self._last + 1, text)
            if anchor.seq == 0:
                found = GENESIS
            elif anchor.seq == self._first - 1:
                found = next(iter(entries(self._db))).previous
            else:
                found = self._hashes[anchor.seq]
            if found != anchor.hash:
                text = (
                    f"the chain was made anew: entry {anchor.seq} is not what the anchor{when} knows; the first "
                    f"wrong one is among {held} to {anchor.seq}"
                )
                return Finding(Wrong.REWRITTEN, held, text)
            held = anchor.seq + 1
        if self._heads:
            missing = ", ".join(one.hex() for one in sorted(self._heads))
            text = f"no entry has the hash {missing}: the log was cut off before it, or made anew"
            return Finding(Wrong.REWRITTEN, held, text)
        return None

    def _lost_by_restore(self, anchor: Anchor) -> bool:
        return (
            self._restored is not None
            and self._restored_ms is not None
            and anchor.seq >= self._restored
            and anchor.at_ms is not None
            and anchor.at_ms <= self._restored_ms
        )
