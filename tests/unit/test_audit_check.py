"""Each kind of tampering, done in the database file with sqlite3 as an intruder would, is found and named."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from hub import audit, migrate
from hub.__main__ import main
from hub.audit import AuditEntry, canonical, chained
from hub.audit_check import Anchor, Checked, Wrong, check
from hub.record_commands import WRONG

N = 12
COLUMNS = "seq, at_ms, actor, via, action, subject, detail, previous, hash"
Tamper = Callable[[sqlite3.Connection], object]


@pytest.fixture(scope="module")
def untouched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("audit") / "hub.sqlite3"
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        migrate.migrate(db)
        grow(db, N)
    return path


@pytest.fixture
def path(tmp_path: Path, untouched: Path) -> Path:
    return Path(shutil.copy(untouched, tmp_path / "hub.sqlite3"))


def grow(db: sqlite3.Connection, n: int) -> None:
    for _ in range(n):
        at = audit.head(db)[0] + 1
        db.execute("BEGIN IMMEDIATE")
        audit.append(
            db,
            AuditEntry(
                at_ms=at, actor="Ana", via="open", action="alert.close", subject=f"s{at}", detail={"n": at}
            ),
        )
        db.execute("COMMIT")


def intrude(path: Path, *tampers: Tamper) -> None:
    """With the hub's own triggers out of the way, and put back."""
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("PRAGMA synchronous = OFF")
        kept = db.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for name, _ in kept:
            db.execute(f"DROP TRIGGER {name}")
        for tamper in tampers:
            tamper(db)
        for _, sql in kept:
            db.execute(sql)


def checked(path: Path, *anchors: Anchor, **options: object) -> Checked:
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        return check(db, anchors=anchors, **options)  # type: ignore[arg-type]


def anchor(path: Path, seq: int) -> Anchor:
    with closing(sqlite3.connect(path)) as db:
        return Anchor(seq, db.execute("SELECT hash FROM audit WHERE seq = ?", (seq,)).fetchone()[0])


def run(sql: str, *values: object) -> Tamper:
    return lambda db: db.execute(sql, values)


def renumber(first: int, by: int) -> Tamper:
    """Every entry from `first` on gets another number."""

    def do(db: sqlite3.Connection) -> None:
        db.execute("UPDATE audit SET seq = -(seq + ?) WHERE seq >= ?", (by, first))
        db.execute("UPDATE audit SET seq = -seq WHERE seq < 0")

    return do


def swap(one: int, other: int) -> Tamper:
    def do(db: sqlite3.Connection) -> None:
        for was, now in ((one, -1), (other, one), (-1, other)):
            db.execute("UPDATE audit SET seq = ? WHERE seq = ?", (now, was))

    return do


def rehash(first: int = 1, last: int = 10**9, *, head: bool = True) -> Tamper:
    """Works the hashes out anew, as somebody who has read hub/audit.py would."""

    def do(db: sqlite3.Connection) -> None:
        previous = bytes(32)
        for row in db.execute(f"SELECT {COLUMNS} FROM audit ORDER BY seq").fetchall():
            digest = row[8]
            if first <= row[0] <= last:
                digest = chained(previous, canonical(*row[:7]))
                db.execute(
                    "UPDATE audit SET previous = ?, hash = ? WHERE seq = ?", (previous, digest, row[0])
                )
            previous = digest
        if head:
            db.execute("UPDATE audit_head SET seq = (SELECT max(seq) FROM audit), hash = ?", (previous,))

    return do


def put_in(seq: int) -> Tamper:
    """An entry that was never written, its own hash made well."""

    def do(db: sqlite3.Connection) -> None:
        row = db.execute("SELECT hash FROM audit WHERE seq = ?", (seq - 1,)).fetchone()
        previous = row[0] if row else bytes(32)
        fields = (seq, 5, "Mallory", "open", "alert.close", "x", "{}")
        digest = chained(previous, canonical(*fields))
        db.execute(
            f"INSERT INTO audit ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", (*fields, previous, digest)
        )

    return do


CASES: dict[str, tuple[Wrong, int, list[Tamper]]] = {
    **{
        f"{column} edited": (Wrong.EDITED, 5, [run(f"UPDATE audit SET {column} = ? WHERE seq = 5", value)])
        for column, value in {
            "at_ms": 4,
            "actor": "Bo",
            "via": "session",
            "action": "alert.shelve",
            "subject": "s6",
            "detail": '{"n": 5}',
            "previous": bytes(32),
            "hash": bytes(32),
        }.items()
    },
    "a value of another kind": (Wrong.EDITED, 5, [run("UPDATE audit SET actor = x'416e61' WHERE seq = 5")]),
    "the first edited": (Wrong.EDITED, 1, [run("UPDATE audit SET actor = 'Bo' WHERE seq = 1")]),
    "the last edited": (Wrong.EDITED, N, [run("UPDATE audit SET actor = 'Bo' WHERE seq = ?", N)]),
    "edited, its hash anew": (
        Wrong.EDITED,
        5,
        [run("UPDATE audit SET actor = 'Bo' WHERE seq = 5"), rehash(5, 5)],
    ),
    "the last edited, its hash anew": (
        Wrong.EDITED,
        N,
        [run("UPDATE audit SET actor = 'Bo' WHERE seq = ?", N), rehash(N, N, head=False)],
    ),
    "one removed": (Wrong.DELETED, 5, [run("DELETE FROM audit WHERE seq = 5")]),
    "several removed": (Wrong.DELETED, 5, [run("DELETE FROM audit WHERE seq BETWEEN 5 AND 8")]),
    "the first removed": (Wrong.DELETED, 1, [run("DELETE FROM audit WHERE seq = 1")]),
    "removed and the rest renumbered": (
        Wrong.DELETED,
        5,
        [run("DELETE FROM audit WHERE seq = 5"), renumber(6, -1), run("UPDATE audit_head SET seq = seq - 1")],
    ),
    "the first ones called pruned": (
        Wrong.DELETED,
        5,
        [run("DELETE FROM audit WHERE seq < 5"), run("UPDATE audit_head SET pruned = 4")],
    ),
    "all removed, called pruned": (
        Wrong.DELETED,
        N + 1,
        [run("DELETE FROM audit"), run("UPDATE audit_head SET pruned = ?", N)],
    ),
    "one put in, the rest renumbered": (Wrong.INSERTED, 5, [renumber(5, 1), put_in(5)]),
    "one put in before all": (Wrong.INSERTED, 0, [put_in(0)]),
    "one put in at the end": (Wrong.INSERTED, N + 1, [put_in(N + 1)]),
    "two swapped": (Wrong.REORDERED, 5, [swap(5, 6)]),
    "two far apart swapped": (Wrong.REORDERED, 3, [swap(3, 9)]),
    "the last cut off": (Wrong.TRUNCATED, N, [run("DELETE FROM audit WHERE seq = ?", N)]),
    "the end cut off": (Wrong.TRUNCATED, 8, [run("DELETE FROM audit WHERE seq >= 8")]),
    "all cut off": (Wrong.TRUNCATED, 1, [run("DELETE FROM audit")]),
    "the note of the newest changed": (Wrong.EDITED, N, [run("UPDATE audit_head SET hash = zeroblob(32)")]),
    "the note of the newest removed": (Wrong.INSERTED, 1, [run("DELETE FROM audit_head")]),
}


@pytest.mark.parametrize(("wrong", "seq", "tampers"), CASES.values(), ids=CASES)
def test_tampering_is_found_without_any_anchor(
    path: Path, wrong: Wrong, seq: int, tampers: list[Tamper]
) -> None:
    assert checked(path).finding is None
    intrude(path, *tampers)
    finding = checked(path).finding
    assert finding is not None
    assert (finding.wrong, finding.seq) == (wrong, seq), finding.text
    assert main(["audit", "verify", "--database", str(path)]) == WRONG


ANEW: dict[str, tuple[Wrong, int, list[Tamper]]] = {
    "edited": (Wrong.REWRITTEN, 4, [run("UPDATE audit SET actor = 'Bo' WHERE seq = 5"), rehash()]),
    "removed": (Wrong.REWRITTEN, 4, [run("DELETE FROM audit WHERE seq = 5"), renumber(6, -1), rehash()]),
    "put in": (Wrong.REWRITTEN, 4, [renumber(5, 1), put_in(5), rehash()]),
    "swapped": (Wrong.REWRITTEN, 4, [swap(5, 6), rehash()]),
    "cut off": (Wrong.TRUNCATED, 8, [run("DELETE FROM audit WHERE seq >= 8"), rehash()]),
    "all of it anew": (Wrong.REWRITTEN, 1, [run("UPDATE audit SET actor = 'Bo'"), rehash()]),
}


@pytest.mark.parametrize(("wrong", "seq", "tampers"), ANEW.values(), ids=ANEW)
def test_who_makes_the_whole_chain_anew_is_found_by_the_anchor(
    path: Path, wrong: Wrong, seq: int, tampers: list[Tamper]
) -> None:
    anchors = [anchor(path, 10), anchor(path, 3)]
    assert checked(path, *anchors).finding is None
    intrude(path, *tampers)
    assert checked(path).finding is None, "without an anchor this can not be seen"
    finding = checked(path, *anchors).finding
    assert finding is not None
    assert (finding.wrong, finding.seq) == (wrong, seq), finding.text
    by_head = checked(path, heads=[anchors[0].hash]).finding
    assert by_head is not None
    assert by_head.wrong is Wrong.REWRITTEN


def test_an_anchor_of_what_was_never_written_is_a_cut(path: Path) -> None:
    finding = checked(path, Anchor(N + 3, bytes(32))).finding
    assert finding is not None
    assert (finding.wrong, finding.seq) == (Wrong.TRUNCATED, N + 1)


def test_an_empty_log_is_right_and_what_anchors_were_held_is_counted(path: Path, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "empty.sqlite3", isolation_level=None)) as db:
        migrate.migrate(db)
        assert check(db, anchors=[Anchor(0, bytes(32))]).finding is None
    found = checked(path, anchor(path, 4), anchor(path, N))
    assert (found.finding, found.first, found.last, found.anchors) == (None, 1, N, 2)
