"""Documents at rest: what is in the database, its log and the key file after use, and what a lost or wrong key says."""

from __future__ import annotations

import json
import logging
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from hub import migrate
from hub.audit import AuditEntry
from hub.audit_check import check
from hub.documents import Documents
from hub.vault import VaultError, read_ring

ROOT = Path(__file__).resolve().parents[2]
SECRET = b"the north gate can be driven round at the kiosk; two bollards are only for show "


class Shelf:
    """A database with a vault, opened anew at each use as the commands do."""

    def __init__(self, folder: Path) -> None:
        self.path, self.keys = folder / "hub.sqlite3", folder / "vault-keys.json"
        with closing(sqlite3.connect(self.path, isolation_level=None)) as db:
            db.execute("PRAGMA journal_mode = WAL")
            migrate.migrate(db)
        self.db = sqlite3.connect(self.path, isolation_level=None)
        self.documents = Documents(self.db, self.keys)

    def put(self, plain: bytes, name: str = "walk.yaml", kind: str = "assessment") -> str:
        return self.documents.put(
            plain, name=name, kind=kind, media_type="text/yaml", by="Ana", at_ms=5, entry=entry
        ).title


def entry(action: str, subject: str, detail: dict[str, object]) -> AuditEntry:
    return AuditEntry(at_ms=5, actor="Ana", via="command", action=action, subject=subject, detail=detail)


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Shelf]:
    one = Shelf(tmp_path)
    yield one
    one.db.close()


def test_what_was_put_comes_back_and_each_use_is_an_entry(shelf: Shelf) -> None:
    assert not shelf.keys.exists(), "made at first use"
    assert shelf.put(SECRET) == "walk.yaml@1"
    assert shelf.put(SECRET + b"2") == "walk.yaml@2"
    shelf.put(b"\xff\xd8picture", "gate.jpg", "photograph")
    assert shelf.keys.stat().st_mode & 0o777 == 0o600
    assert shelf.documents.get("walk.yaml", entry=entry)[1] == SECRET + b"2"
    assert shelf.documents.get("walk.yaml@1", entry=entry)[1] == SECRET
    shelf.documents.remove("walk.yaml@1", entry=entry)
    assert [one.title for one in shelf.documents.all()] == ["gate.jpg@1", "walk.yaml@2"]
    done = shelf.db.execute("SELECT action, subject FROM audit ORDER BY seq").fetchall()
    assert done == [
        ("document.put", "walk.yaml@1"),
        ("document.put", "walk.yaml@2"),
        ("document.put", "gate.jpg@1"),
        ("document.get", "walk.yaml@2"),
        ("document.get", "walk.yaml@1"),
        ("document.remove", "walk.yaml@1"),
    ]
    for wrong in ("no.yaml", "walk.yaml@1", "walk.yaml@x"):
        with pytest.raises(VaultError):
            shelf.documents.find(wrong)
    with pytest.raises(VaultError, match="which version"):
        shelf.documents.remove("walk.yaml", entry=entry)
    with pytest.raises(VaultError, match="name"):
        shelf.put(b"", "../etc/passwd")


def test_no_plaintext_in_database_wal_temporary_files_or_log(
    shelf: Shelf, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    for name in ("TMPDIR", "SQLITE_TMPDIR"):
        monkeypatch.setenv(name, str(temporary))
    caplog.set_level(logging.DEBUG)
    long = SECRET * 40_000  # 3 MB: spills over pages, and would out of a cache
    titles = [shelf.put(long, f"doc-{n}") for n in range(3)]
    wal = shelf.path.with_name("hub.sqlite3-wal")
    assert wal.stat().st_size > len(long), "what is looked at here holds the documents"
    for title in titles:
        assert shelf.documents.get(title, entry=entry)[1] == long
    shelf.documents.rotate(forget=False, entry=entry)
    shelf.documents.remove(titles[0], entry=entry)
    shelf.db.execute("VACUUM")
    looked = 0
    for path in [one for one in tmp_path.rglob("*") if one.is_file()]:
        looked += 1
        content = path.read_bytes()
        for piece in (SECRET, SECRET[:16], SECRET.hex().encode(), SECRET[20:60]):
            assert piece not in content, path
    assert looked >= 3
    assert SECRET[:16].decode() not in caplog.text
    assert list(temporary.iterdir()) == []


def test_equal_documents_do_not_look_equal(shelf: Shelf) -> None:
    shelf.put(SECRET, "one")
    shelf.put(SECRET, "two")
    for column in ("fingerprint", "body", "wrapped"):
        one, two = shelf.db.execute(f"SELECT {column} FROM documents ORDER BY name").fetchall()
        assert one != two, column


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE documents SET name = 'x', id = id WHERE name = 'one'",
        "UPDATE documents SET put_by = 'Bo' WHERE name = 'one'",
        "UPDATE documents SET body = zeroblob(200) WHERE name = 'one'",
        "UPDATE documents SET wrapped = zeroblob(60) WHERE name = 'one'",
        "UPDATE documents SET fingerprint = zeroblob(32) WHERE name = 'one'",
        "UPDATE documents SET body = (SELECT body FROM documents WHERE name = 'two') WHERE name = 'one'",
        "UPDATE documents SET (body, wrapped, fingerprint) = (SELECT body, wrapped, fingerprint FROM documents "
        "WHERE name = 'two') WHERE name = 'one'",
    ],
)
def test_a_document_changed_in_the_database_is_not_given_out(shelf: Shelf, sql: str) -> None:
    shelf.put(SECRET, "one")
    shelf.put(SECRET, "two")
    shelf.db.execute(sql)
    lost = shelf.documents.unreadable(deep=True)
    assert len(lost) == 1, lost
    with pytest.raises(VaultError, match=r"changed|fingerprint"):
        shelf.documents.get(next(iter(lost)), entry=entry)


def test_a_key_file_that_is_lost_wrong_broken_or_open_to_others(shelf: Shelf, tmp_path: Path) -> None:
    shelf.put(SECRET)
    kept = shelf.keys.read_text()

    def says(text: str) -> None:
        for deep in (True, False):
            (why,) = shelf.documents.unreadable(deep=deep).values()
            assert text in why
        with pytest.raises(VaultError, match=text):
            shelf.put(b"more")
        with pytest.raises(VaultError, match=text):
            shelf.documents.rotate(forget=False, entry=entry)

    shelf.keys.chmod(0o640)
    says("others can read it; chmod 600")
    shelf.keys.unlink()
    says("is not there; put it back")
    shelf.keys.touch(0o600)
    for broken in ("", "{}", kept[:-20], kept.replace('"keys"', '"k"'), kept.replace("=", "", 1)):
        shelf.keys.write_text(broken)
        says("can not be used")
    # a key under the name of another
    said = json.loads(kept)
    other = Shelf(tmp_path_of(tmp_path, "other"))
    other.put(b"x")
    (stranger,) = json.loads(other.keys.read_text())["keys"].values()
    other.db.close()
    shelf.keys.write_text(json.dumps({**said, "keys": {said["current"]: stranger}}))
    says("not what they are called")
    shutil.copy(other.keys, shelf.keys)
    (why,) = shelf.documents.unreadable(deep=False).values()
    assert f"master key {said['current']} is not in the key file" in why
    shelf.keys.write_text(kept)
    assert shelf.documents.unreadable(deep=True) == {}


def tmp_path_of(folder: Path, name: str) -> Path:
    (folder / name).mkdir()
    return folder / name


def test_rotation_gives_every_document_the_new_key(shelf: Shelf, tmp_path: Path) -> None:
    for n in range(120):  # more than one transaction
        shelf.put(SECRET, f"doc-{n}")
    before = shutil.copy(shelf.keys, tmp_path / "before.json")
    old = shelf.db.execute("SELECT name, fingerprint, body FROM documents ORDER BY name").fetchall()
    key, n = shelf.documents.rotate(forget=False, entry=entry)
    assert n == 120
    assert shelf.db.execute("SELECT DISTINCT key_id FROM documents").fetchall() == [(key,)]
    assert shelf.db.execute("SELECT name, fingerprint, body FROM documents ORDER BY name").fetchall() == old
    assert shelf.documents.unreadable(deep=True) == {}
    ring = read_ring(shelf.keys)
    assert ring is not None
    assert len(ring.keys) == 2, "what backups taken before need"
    newest, _ = shelf.documents.rotate(forget=True, entry=entry)
    ring = read_ring(shelf.keys)
    assert ring is not None
    assert set(ring.keys) == {newest} != {key}
    assert shelf.documents.unreadable(deep=True) == {}
    shutil.copy(before, shelf.keys)
    assert len(shelf.documents.unreadable(deep=True)) == 120


ROTATOR = """
import sqlite3, sys
from pathlib import Path
sys.path.insert(0, "tests/unit")
from hub import documents
from hub.audit import AuditEntry
documents.ROTATED_AT_ONCE = 3
db = sqlite3.connect(sys.argv[1], isolation_level=None)
vault = documents.Documents(db, Path(sys.argv[2]))
def entry(action, subject, detail):
    return AuditEntry(at_ms=5, actor="Ana", via="command", action=action, subject=subject, detail=detail)
print("ready", flush=True)
while True:
    vault.rotate(forget=True, entry=entry)
"""


def test_kill_9_during_a_rotation_leaves_every_document_readable(shelf: Shelf) -> None:
    for n in range(30):
        shelf.put(SECRET, f"doc-{n}")
    halfway = 0
    for round_ in range(12):
        child = subprocess.Popen(
            [sys.executable, "-c", ROTATOR, str(shelf.path), str(shelf.keys)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        time.sleep(0.003 * (round_ * 7 % 12))  # any moment will do: this is what is tried out
        child.kill()
        child.wait()
        child.stdout.close()
        assert shelf.documents.unreadable(deep=True) == {}
        halfway += shelf.db.execute("SELECT count(DISTINCT key_id) FROM documents").fetchone()[0] > 1
    assert halfway > 0, "some were caught in the middle"
    shelf.documents.rotate(forget=True, entry=entry)
    assert shelf.documents.unreadable(deep=True) == {}
    assert check(shelf.db).finding is None
