"""The chain of the audit log: what an entry's hash is made of, and that it stands or falls with what it is about."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from hub import anchors, audit, migrate, record_commands
from hub.audit import AuditEntry
from hub.audit_check import Anchor
from hub.batch import Batch
from hub.store import Store

DOCUMENTATION = Path(__file__).resolve().parents[2] / "docs" / "records.md"
NAMES = ("seq", "at_ms", "actor", "via", "action", "subject", "detail", "hash")


@pytest.fixture
def db(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(tmp_path / "hub.sqlite3", isolation_level=None)) as one:
        migrate.migrate(one)
        yield one


def entry(n: int, **changes: object) -> AuditEntry:
    fields = {"at_ms": 1000 + n, "actor": "Ana", "via": "open", "action": "test.done", "subject": f"s{n}"}
    return AuditEntry(**{**fields, "detail": {"z": n, "a": "ă\n\"'"}, **changes})  # type: ignore[arg-type]


def rows(db: sqlite3.Connection) -> list[dict[str, object]]:
    found = db.execute(f"SELECT {', '.join(NAMES)} FROM audit ORDER BY seq")
    return [dict(zip(NAMES, row, strict=True)) for row in found]


def add(db: sqlite3.Connection, *entries: AuditEntry) -> bytes:
    head = b""
    db.execute("BEGIN IMMEDIATE")
    for one in entries:
        head = audit.append(db, one)
    db.execute("COMMIT")
    return head


def test_anyone_can_work_the_chain_out_again_from_the_documented_form(db: sqlite3.Connection) -> None:
    head = add(db, entry(1), entry(2, actor="Ion Țepeș\x00\x1f\x7f\u2028"), entry(3, detail={}))
    previous = bytes(32)
    for row in rows(db):
        form = json.dumps([row[name] for name in NAMES[:-1]], ensure_ascii=False, separators=(",", ":"))
        previous = hashlib.sha256(b"esplanade audit 1\n" + previous + form.encode()).digest()
        assert row["hash"] == previous
    assert previous == head
    assert audit.head(db) == (3, head)
    assert [row["detail"] for row in rows(db)] == ['{"a":"ă\\n\\"\'","z":1}', '{"a":"ă\\n\\"\'","z":2}', "{}"]


def test_an_entry_that_no_database_takes_as_it_is_does_not_stop_what_it_is_about(
    db: sqlite3.Connection,
) -> None:
    add(
        db,
        entry(1, detail={"path": Path("/x"), "n": float("nan")}),
        entry(2, actor="half \ud83d", detail={"t": "\ud83d"}),
    )
    assert [row["detail"] for row in rows(db)] == ['{"n":null,"path":"/x"}', '{"t": "\\ud83d"}']
    assert rows(db)[1]["actor"] == "half ?"


def test_it_is_added_in_a_transaction_or_not_at_all(db: sqlite3.Connection) -> None:
    with pytest.raises(sqlite3.ProgrammingError, match="inside the transaction"):
        audit.append(db, entry(1))
    db.execute("BEGIN IMMEDIATE")
    audit.append(db, entry(1))
    db.execute("ROLLBACK")
    assert (rows(db), audit.head(db)) == ([], (0, bytes(32)))


def test_the_hub_itself_can_not_change_or_remove_an_entry(db: sqlite3.Connection) -> None:
    add(db, entry(1), entry(2))
    for sql in ("UPDATE audit SET actor = 'Bo' WHERE seq = 1", "DELETE FROM audit WHERE seq = 2"):
        with pytest.raises(sqlite3.IntegrityError, match=r"never changed|by retention only"):
            db.execute(sql)


def test_a_batch_and_its_entries_are_written_together_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "hub.sqlite3"
    with Store(path) as store:
        store.write(Batch(at_ms=1, memory=b"one", audit=[entry(1), entry(2)]))
        broken = Batch(at_ms=2, memory=b"two", audit=[entry(3)])
        broken.counts["x"] = 2**63  # past what SQLite holds
        with pytest.raises((sqlite3.Error, OverflowError)):
            store.write(broken)
        broken.counts.clear()
        broken.audit.append(entry(4, at_ms=2**63))
        with pytest.raises((sqlite3.Error, OverflowError)):
            store.write(broken)
        assert store.memory() == b"one"
    with closing(sqlite3.connect(path)) as db:
        assert [row["subject"] for row in rows(db)] == ["s1", "s2"]
    assert not Batch(audit=[entry(1)]).empty
    assert Batch(audit=[entry(1)]).judged().audit == [entry(1)]


def test_the_lines_of_python_in_the_documentation_check_an_exported_log(
    db: sqlite3.Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(db, *(entry(n) for n in range(1, 6)))
    monkeypatch.chdir(tmp_path)
    code = DOCUMENTATION.read_text(encoding="utf-8").split("```python\n")[1].split("```")[0]
    lines: list[str] = []
    record_commands._write_entries(db, lines.append)
    Path("log.jsonl").write_text("\n".join(lines), encoding="utf-8")
    exec(code, {})
    Path("log.jsonl").write_text("\n".join(lines).replace('"s3"', '"s9"'), encoding="utf-8")
    with pytest.raises(AssertionError, match="3"):
        exec(code, {})


def test_anchors_are_read_back_and_a_line_cut_short_is_told_and_harms_no_other(tmp_path: Path) -> None:
    path = tmp_path / "anchors.txt"
    known = [Anchor(n, bytes([n]) * 32, 1_795_377_600_000 + n) for n in range(1, 4)]
    anchors.add(path, known[0], site="square")
    with path.open("a") as file:
        file.write("2026-11-22T20:00:00.000Z 7 00ab")  # a power cut in the middle of a line
    anchors.add(path, known[1], site="square")
    anchors.add(path, known[2], site="square")
    assert anchors.read(path) == (known, [2])
    assert path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(anchors.AnchorError, match=r"audit\.anchor_file"):
        anchors.add(tmp_path / "no" / "file", known[0], site="square")
