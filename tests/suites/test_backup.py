"""A backup taken while the hub is fed, and put back elsewhere: the same state, checksum for checksum."""

from __future__ import annotations

import hashlib
import io
import json
import random
import shutil
import sqlite3
import subprocess
import sys
import tarfile
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from hub import migrate
from hub.__main__ import FAILED, main
from hub.app import create_app
from hub.audit_check import Anchor, check
from hub.backup import MAGIC, PIECE
from hub.config import read_config, settings
from hub.retention import digest_of
from tests.kit.hub_inside import HubInside

PASSPHRASE = "seven quiet bollards at dusk"
ROOT = Path(__file__).resolve().parents[2]
ASSESSMENT = ROOT / "tests" / "data" / "plaza_assessment.yaml"
# By what rows are told apart and ordered; `sqlite_` and what only a run holds is left out.
KEYS = {
    "readings": "id",
    "transitions": "id",
    "deliveries": "id",
    "audit": "seq",
    "alerts": "alert",
    "zone_minutes": "zone, minute_ms",
    "camera_minutes": "camera, minute_ms",
    "line_minutes": "line, kind, minute_ms",
    "streams": "id",
    "memory": "id",
    "counts": "name",
    "clocks": "agent, boot",
    "said": "agent, camera",
    "refusals": "id",
    "documents": "id",
}


def rows(path: Path, table: str, up_to: int | None = None) -> list[Any]:
    key = KEYS[table]
    where = "" if up_to is None else f"WHERE {key} <= {up_to}"
    with closing(sqlite3.connect(path)) as db:
        return db.execute(f"SELECT * FROM {table} {where} ORDER BY {key}").fetchall()


def stored(path: Path) -> int:
    with closing(sqlite3.connect(path)) as db:
        n: int = db.execute("SELECT count(*) FROM readings").fetchone()[0]
        return n


def checksums(path: Path, *, audit_up_to: int) -> dict[str, str]:
    return {
        table: digest_of(rows(path, table, audit_up_to if table == "audit" else None)).hex() for table in KEYS
    }


def command(*arguments: object, expect: int = 0) -> None:
    assert main([str(one) for one in arguments]) == expect


def write_config(inside: HubInside, name: str = "hub.yaml") -> Path:
    """The configuration of the running hub as a file, with paths beside it."""
    found = msgspec.to_builtins(inside._config)
    found["database"], found["site"] = "hub.sqlite3", Path(found["site"]).name
    path = inside.folder / name
    path.write_text(json.dumps(found))
    return path


@contextmanager
def fed(inside: HubInside) -> Iterator[None]:
    """Readings come all the time, and somebody acts."""
    stop, failed = threading.Event(), []

    def feed() -> None:
        try:
            while not stop.is_set():
                inside.pass_time(5, car=True)
        except BaseException as error:  # noqa: BLE001 told below, in the test's own thread
            failed.append(error)

    thread = threading.Thread(target=feed)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
    assert failed == []


@pytest.fixture(scope="module")
def taken(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A hub was fed while a backup was taken, then stood still for a second one."""
    folder = tmp_path_factory.mktemp("live")
    with HubInside(folder) as inside, inside.client() as client:
        config = write_config(inside)
        alert = inside.car_alert()
        command("documents", "put", ASSESSMENT, "--kind", "assessment", "--config", config)
        (folder / "gate.jpg").write_bytes(random.Random(1).randbytes(3 * PIECE))
        command("documents", "put", folder / "gate.jpg", "--kind", "photograph", "--config", config)
        with fed(inside):
            before = stored(folder / "hub.sqlite3")
            # a process of its own, as a timer would start it
            subprocess.run(
                [sys.executable, "-m", "hub", "backup", folder / "under-load.backup", "--config", config],
                cwd=ROOT,
                check=True,
                timeout=60,
            )
            during = stored(folder / "hub.sqlite3") - before
        assert client.post(f"/api/v1/alerts/{alert}/acknowledge", json={"by": "Ana"}).status_code == 200
        live = folder / "hub.sqlite3"
        command("backup", folder / "still.backup", "--config", config, "--with-key")
        with closing(sqlite3.connect(live)) as db:
            head = db.execute(
                "SELECT seq FROM audit WHERE action = 'backup.make' ORDER BY seq DESC"
            ).fetchone()[0]
        still = checksums(live, audit_up_to=head - 1)
    return {"folder": folder, "config": config, "during": during, "still": still, "head": head - 1}


def test_a_backup_under_load_restores_to_one_moment_of_the_state(
    taken: dict[str, Any], tmp_path: Path
) -> None:
    assert taken["during"] > 0, "the hub went on meanwhile"
    command("restore", taken["folder"] / "under-load.backup", "--to", tmp_path / "new")
    restored, live = tmp_path / "new" / "hub.sqlite3", taken["folder"] / "hub.sqlite3"
    with closing(sqlite3.connect(restored, isolation_level=None)) as db:
        assert check(db).finding is None
        last, action = db.execute("SELECT seq, action FROM audit ORDER BY seq DESC LIMIT 1").fetchone()
        assert action == "backup.restore"
    # all that is only ever added to is the beginning of what the hub holds now
    for table, up_to in (("readings", None), ("transitions", None), ("audit", last - 1)):
        here = rows(restored, table, up_to)
        assert here
        assert digest_of(here) == digest_of(rows(live, table, here[-1][0])), table
    # one moment: each minute's figures are of exactly the readings that are there
    with closing(sqlite3.connect(restored)) as db:
        (summed,) = db.execute("SELECT sum(readings + late) FROM camera_minutes").fetchone()
        assert summed == len(rows(restored, "readings"))
        assert db.execute("SELECT n FROM counts WHERE name = 'readings'").fetchone()[0] == summed


def test_a_hub_that_stands_still_restores_to_the_same_checksums_and_runs(
    taken: dict[str, Any], tmp_path: Path
) -> None:
    folder = tmp_path / "new"
    command("restore", taken["folder"] / "still.backup", "--to", folder)
    assert checksums(folder / "hub.sqlite3", audit_up_to=taken["head"]) == taken["still"]
    for name in ("hub.yaml", "site.yaml", "vault-keys.json", "audit-anchors.txt"):
        if (taken["folder"] / name).exists():
            assert (folder / name).exists(), name
    assert (folder / "vault-keys.json").stat().st_mode & 0o777 == 0o600
    command("keys", "check", "--config", folder / "hub.yaml")
    hub = create_app(settings(read_config(folder / "hub.yaml"), folder=folder))
    hub.start()
    try:
        (alert,) = [json.loads(one) for one in hub.records.alerts(is_open=True, limit=5)]
        assert alert["acknowledged_by"] == "Ana"
    finally:
        hub.stop()
    assert main(["audit", "verify", str(folder / "hub.yaml")]) == 0


def test_what_a_restore_has_lost_is_found_by_the_anchors_until_somebody_answers_for_it(
    taken: dict[str, Any], tmp_path: Path
) -> None:
    folder = tmp_path / "new"
    command("restore", taken["folder"] / "under-load.backup", "--to", folder)
    with closing(sqlite3.connect(folder / "hub.sqlite3", isolation_level=None)) as db:
        seq, at_ms = db.execute("SELECT seq, at_ms FROM audit ORDER BY seq DESC LIMIT 1").fetchone()
        lost = Anchor(seq + 2, bytes(32), at_ms - 1000)
        assert check(db, anchors=[lost]).finding is not None
        assert check(db, anchors=[lost], restored=seq).finding is None
        assert check(db, anchors=[Anchor(seq + 2, bytes(32), at_ms + 1000)], restored=seq).finding is not None
        assert check(db, anchors=[lost], restored=seq - 1).finding is not None, "that is no restore"


def test_it_never_goes_over_what_is_there_unless_told_and_never_under_a_running_hub(
    taken: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, file = tmp_path / "new", taken["folder"] / "still.backup"
    command("restore", file, "--to", folder)
    kept = {path: path.read_bytes() for path in folder.iterdir()}
    command("restore", file, "--to", folder, expect=FAILED)
    assert "--force replaces them" in capsys.readouterr().err
    hub = create_app(settings(read_config(folder / "hub.yaml"), folder=folder))
    hub.start()
    try:
        command("restore", file, "--to", folder, "--force", expect=FAILED)
        assert "a hub runs on it" in capsys.readouterr().err
    finally:
        hub.stop()
    (folder / "audit-anchors.txt").write_text("kept\n")
    with closing(sqlite3.connect(folder / "hub.sqlite3")) as db:  # a log of the old database is left behind
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("UPDATE counts SET n = 77 WHERE name = 'readings'")
        db.commit()
        shutil.copy(folder / "hub.sqlite3-wal", tmp_path / "wal")
    shutil.copy(tmp_path / "wal", folder / "hub.sqlite3-wal")
    command("restore", file, "--to", folder, "--force")
    assert checksums(folder / "hub.sqlite3", audit_up_to=taken["head"]) == taken["still"]
    assert (folder / "audit-anchors.txt").read_text() == "kept\n"
    assert (folder / "hub.yaml").read_bytes() == kept[folder / "hub.yaml"]
    assert [path.name for path in folder.iterdir() if path.name.startswith(".")] == []
    command("backup", file, "--config", taken["config"], expect=FAILED)
    assert "never goes over another file" in capsys.readouterr().err


def with_passphrase(folder: Path, text: str = PASSPHRASE, mode: int = 0o600) -> Path:
    path = folder / "passphrase"
    path.write_text(text + "\n")
    path.chmod(mode)
    return path


def test_encrypted_it_opens_by_its_passphrase_alone_and_shows_nothing(
    taken: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    secret = with_passphrase(tmp_path)
    file = tmp_path / "sealed.backup"
    command("backup", file, "--config", taken["config"], "--passphrase-file", secret)
    sealed = file.read_bytes()
    assert sealed.startswith(MAGIC)
    assert file.stat().st_mode & 0o777 == 0o600
    for piece in (b"SQLite format 3", b"manifest", b"test-square"):
        assert piece not in sealed
    command("restore", file, "--to", tmp_path / "a", expect=FAILED)
    assert "name its passphrase" in capsys.readouterr().err
    wrong = with_passphrase(tmp_path, PASSPHRASE + "!")
    command("restore", file, "--to", tmp_path / "a", "--passphrase-file", wrong, expect=FAILED)
    assert "the passphrase is wrong" in capsys.readouterr().err
    secret = with_passphrase(tmp_path)
    command("restore", file, "--to", tmp_path / "a", "--passphrase-file", secret)
    assert checksums(tmp_path / "a" / "hub.sqlite3", audit_up_to=taken["head"]) == taken["still"]
    assert not (tmp_path / "a" / "vault-keys.json").exists(), "the key was not asked for"
    first, second = len(MAGIC) + 23, len(MAGIC) + 23 + PIECE + 16
    assert len(sealed) > second + 100, "there are pieces to cut and to swap"
    broken = {
        "changed": sealed[:-200] + bytes([sealed[-200] ^ 1]) + sealed[-199:],
        "cut at a piece": sealed[:second],
        "cut": sealed[: second + 50],
        "a piece twice": sealed[:second] + sealed[first:second] + sealed[second:],
        "longer": sealed + b"x",
    }
    for name, content in broken.items():
        file.write_bytes(content)
        command("restore", file, "--to", tmp_path / name, "--passphrase-file", secret, expect=FAILED)
        assert "changed or cut short" in capsys.readouterr().err, name
        assert list((tmp_path / name).iterdir()) == []
    for text, mode in (("short", 0o600), (PASSPHRASE, 0o644)):
        bad = with_passphrase(tmp_path, text, mode)
        command(
            "backup", tmp_path / "no", "--config", taken["config"], "--passphrase-file", bad, expect=FAILED
        )
        assert not (tmp_path / "no").exists()


def repacked(file: Path, to: Path, change: Any) -> Path:
    """The same backup with its parts (name -> bytes) changed, and the manifest with it unless `change` says so."""
    with tarfile.open(file) as tar:
        parts = {info.name: tar.extractfile(info).read() for info in tar}  # type: ignore[union-attr]
    manifest = json.loads(parts.pop("manifest.json"))
    manifest = change(parts, manifest) or manifest
    with tarfile.open(to, "w:gz", compresslevel=1) as tar:
        for name, content in {"manifest.json": json.dumps(manifest).encode(), **parts}.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return to


def in_database(parts: dict[str, bytes], manifest: dict[str, Any], folder: Path, *sql: str) -> None:
    """Runs SQL in the packed database and makes the manifest fit, as somebody would who can write the file."""
    path = folder / "packed.sqlite3"
    path.write_bytes(parts["hub.sqlite3"])
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        for one in sql:
            db.execute(one)
    parts["hub.sqlite3"] = path.read_bytes()
    (part,) = [one for one in manifest["parts"] if one["name"] == "hub.sqlite3"]
    part["size"] = len(parts["hub.sqlite3"])
    part["sha256"] = hashlib.sha256(parts["hub.sqlite3"]).hexdigest()


def test_what_is_not_right_in_a_backup_replaces_nothing(
    taken: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = taken["folder"] / "still.backup"
    target = tmp_path / "there"
    command("restore", file, "--to", target)
    kept = {path: path.read_bytes() for path in target.iterdir()}
    newest = migrate.scripts()[-1][0]

    def edited(*sql: str) -> Any:
        return lambda parts, manifest: in_database(parts, manifest, tmp_path, *sql)

    def bytes_of_database(parts: dict[str, bytes], _manifest: Any) -> None:
        content = bytearray(parts["hub.sqlite3"])
        content[len(content) // 2] ^= 0xFF
        parts["hub.sqlite3"] = bytes(content)

    cases = {
        "not what its manifest says": bytes_of_database,
        "lacks": lambda parts, _: parts.pop("hub.yaml", None) or (parts.pop("config-hub.yaml") and None),
        "does not speak": lambda parts, _: parts.update(extra=b"x"),
        "parts that can not be": lambda _, manifest: manifest["parts"][1].update(name="../up"),
        "edited at entry 2": edited(
            "DROP TRIGGER audit_never_changed", "UPDATE audit SET actor = 'Bo' WHERE seq = 2"
        ),
        "truncated at entry": edited(
            "DROP TRIGGER audit_never_removed",
            "DELETE FROM audit WHERE seq = (SELECT max(seq) FROM audit)",
            "UPDATE audit_head SET seq = seq - 1, hash = (SELECT hash FROM audit ORDER BY seq DESC LIMIT 1)",
        ),
        f"this hub knows {newest}": edited(f"PRAGMA user_version = {newest + 1}"),
        "format 2": lambda _, manifest: manifest.update(format=2),
    }
    for text, change in cases.items():
        broken = repacked(file, tmp_path / "broken", change)
        command("restore", broken, "--to", target, "--force", expect=FAILED)
        assert text in capsys.readouterr().err, text
        assert {path: path.read_bytes() for path in target.iterdir() if path.suffix != ".lock"} == {
            path: content for path, content in kept.items() if path.suffix != ".lock"
        }, text
    for content in (b"", b"not a backup", file.read_bytes()[:-2000]):
        (tmp_path / "broken").write_bytes(content)
        command("restore", tmp_path / "broken", "--to", target, "--force", expect=FAILED)
    assert not any(path.name.startswith(".") for path in target.iterdir())


def test_an_older_schema_is_brought_up_to_date(taken: dict[str, Any], tmp_path: Path) -> None:
    newest = migrate.scripts()[-1][0]
    older = repacked(
        taken["folder"] / "still.backup",
        tmp_path / "older",
        lambda parts, manifest: in_database(
            parts, manifest, tmp_path, "DROP TABLE documents", f"PRAGMA user_version = {newest - 1}"
        ),
    )
    command("restore", older, "--to", tmp_path / "new")
    with closing(sqlite3.connect(tmp_path / "new" / "hub.sqlite3")) as db:
        assert migrate.version(db) == newest
        assert db.execute("SELECT count(*) FROM documents").fetchone() == (0,)


def test_every_backup_is_an_entry_with_its_checksum(taken: dict[str, Any]) -> None:
    for _, _, _actor, via, action, subject, detail, *_ in rows(taken["folder"] / "hub.sqlite3", "audit"):
        if action == "backup.make" and subject == "still.backup":
            content = (taken["folder"] / subject).read_bytes()
            assert json.loads(detail)["sha256"] == hashlib.sha256(content).hexdigest()
            assert (via, json.loads(detail)["with_key"]) == ("command", True)
            return
    pytest.fail("no entry about it")
