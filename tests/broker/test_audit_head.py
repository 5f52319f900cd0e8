"""The audit log of a real hub, from outside: its head on a real broker and in a file, and its commands beside it."""

from __future__ import annotations

import io
import json
import shutil
import sqlite3
import threading
from contextlib import closing, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from contract import topics
from contract.messages import AuditHead
from deploy.demo.broker import HOST, Broker, NatsServer, free_port
from hub import anchors
from hub.__main__ import main
from hub.audit_check import check
from tests.kit.hub_process import ROOT, HubProcess
from tests.kit.square import SITE, Square

DATA = ROOT / "tests" / "data"


class Ear:
    """Hears what the hub says of its audit log, as somebody outside would keep it."""

    def __init__(self, broker: Broker) -> None:
        self.heard: list[AuditHead] = []
        self.news = threading.Condition()
        self.client = mqtt.Client(CallbackAPIVersion.VERSION2)
        self.client.on_connect = lambda client, *_: client.subscribe(topics.AUDIT.address(site=SITE), qos=1)
        self.client.on_message = self._on_message
        self.client.connect(HOST, broker.port)
        self.client.loop_start()

    def _on_message(self, _client: Any, _data: Any, message: Any) -> None:
        with self.news:
            self.heard.append(msgspec.json.decode(message.payload, type=AuditHead))
            self.news.notify_all()

    def until(self, seq: int) -> AuditHead:
        """The first head heard of at least that number."""
        with self.news:
            assert self.news.wait_for(lambda: self.heard and self.heard[-1].seq >= seq, 30), self.heard
            return self.heard[-1]

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


class Done(NamedTuple):
    returncode: int
    stdout: str
    stderr: str


def command(*arguments: object) -> Done:
    """In this process: a start of Python each time would take longer than all else here."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = main([str(one) for one in arguments])
    return Done(code, out.getvalue(), err.getvalue())


def entries(hub: HubProcess) -> list[tuple[str, str, dict[str, Any]]]:
    with closing(sqlite3.connect(hub.database)) as db:
        rows = db.execute("SELECT action, subject, detail FROM audit ORDER BY seq").fetchall()
    return [(action, subject, json.loads(detail)) for action, subject, detail in rows]


def test_the_head_goes_out_and_convicts_who_makes_the_chain_anew(
    nats_server: NatsServer, tmp_path: Path
) -> None:
    broker, site = nats_server, Square(cameras=1).write(tmp_path)
    anchor_file = tmp_path / "elsewhere" / "anchors.txt"
    anchor_file.parent.mkdir()
    audit = {"anchor_file": str(anchor_file), "anchor_every_s": 1}
    ear = Ear(broker)
    try:
        with HubProcess(tmp_path, site=site, broker_port=broker.port, audit=audit) as hub:
            head = ear.until(1)
            hub.kill9()
            hub.config.write_text(
                hub.config.read_text().replace('"anchor_every_s": 1', '"anchor_every_s": 2')
            )
            hub.start()
            ear.until(head.seq + 2)
        last = entries(hub)
        assert [action for action, _, _ in last if action.startswith(("hub.", "settings."))] == [
            "hub.start",
            "hub.start",
            "settings.change",
            "hub.stop",
        ]
        starts = [detail for action, _, detail in last if action == "hub.start"]
        assert [one["before"] for one in starts] == [
            "first start",
            "did not stop in order: crash or power cut",
        ]
        (change,) = [(subject, detail) for action, subject, detail in last if action == "settings.change"]
        assert change == (
            "config_sha256",
            {"was": starts[0]["config_sha256"], "is": starts[1]["config_sha256"]},
        )
    finally:
        ear.close()
    # the file: each line once, the last one the head that the hub left with
    known, unread = anchors.read(anchor_file)
    assert (unread, anchor_file.stat().st_mode & 0o777) == ([], 0o600)
    found = command("audit", "head", hub.config).stdout.split()
    assert (known[-1].seq, known[-1].hash.hex()) == (int(found[0]), found[1]) == (len(last), found[1])
    assert [one.seq for one in known] == sorted({one.seq for one in known})
    right = command("audit", "verify", hub.config, "--head", head.hash)
    assert right.returncode == 0, right.stdout + right.stderr
    assert f"entries 1 to {len(last)}" in right.stdout
    letter = command("audit", "head", hub.config, "--letter").stdout
    assert f"Subject: Esplanade {SITE}: audit log, entry {len(last)}" in letter
    assert f"--head {found[1]}" in letter
    # somebody edits the first entry and works out every hash anew
    with closing(sqlite3.connect(hub.database, isolation_level=None)) as db:
        rewrite(db)
        assert check(db).finding is None
    wrong = command("audit", "verify", hub.config)
    assert (wrong.returncode, wrong.stdout.split()[:2]) == (1, ["WRONG:", "rewritten"]), wrong.stdout
    by_mqtt = command("audit", "verify", "--database", hub.database, "--head", head.hash)
    assert (by_mqtt.returncode, by_mqtt.stdout.split()[:2]) == (1, ["WRONG:", "rewritten"])
    assert "held against no anchor" in command("audit", "verify", "--database", hub.database).stdout


def rewrite(db: sqlite3.Connection) -> None:
    from hub.audit import canonical, chained

    db.execute("DROP TRIGGER audit_never_changed")
    db.execute("UPDATE audit SET detail = '{}' WHERE seq = 1")
    previous = bytes(32)
    for seq, *rest in db.execute(
        "SELECT seq, at_ms, actor, via, action, subject, detail FROM audit ORDER BY seq"
    ).fetchall():
        digest = chained(previous, canonical(seq, *rest))
        db.execute("UPDATE audit SET previous = ?, hash = ? WHERE seq = ?", (previous, digest, seq))
        previous = digest
    db.execute("UPDATE audit_head SET hash = ?", (previous,))


def test_an_exported_log_holds_every_entry_and_says_that_it_was_taken(tmp_path: Path) -> None:
    site = Square(cameras=1).write(tmp_path)
    with HubProcess(tmp_path, site=site, broker_port=free_port()) as hub:
        out = tmp_path / "log.jsonl"
        assert command("audit", "export", hub.config, "--out", out).returncode == 0
        lines = [json.loads(line) for line in out.read_text().splitlines()]
        assert [one["action"] for one in lines] == [action for action, _, _ in entries(hub)]
        assert lines[-1]["action"] == "audit.export"
        assert lines[-1]["via"] == "command"
        assert command("audit", "export", hub.config, "--out", out).returncode == 2, "never over another file"


def test_the_assessment_is_run_from_the_vault_and_a_lost_key_says_what_is_lost(tmp_path: Path) -> None:
    plain = (DATA / "plaza_assessment.yaml").read_bytes()
    (tmp_path / "secret.yaml").write_bytes(plain)
    hub = HubProcess(
        tmp_path,
        site=DATA / "plaza_site.yaml",
        broker_port=free_port(),
        assessment="vault:walk",
        vault={"key_file": "keys.json"},
    )
    keys = tmp_path / "keys.json"
    early = command("run", hub.config)
    assert (early.returncode, "there is no document walk" in early.stderr) == (2, True), early.stderr
    put = ("documents", "put", tmp_path / "secret.yaml", "--name", "walk", "--kind", "assessment")
    assert command(*put, "--config", hub.config).stdout.startswith("walk@1: ")
    (tmp_path / "secret.yaml").unlink()
    assert command("check", hub.config).stdout.splitlines()[1].startswith("assessment plaza-2026 v3: ")
    with hub:
        # beside the running hub: another document, and a new key for both
        (tmp_path / "gate.jpg").write_bytes(b"a picture of the gate")
        command("documents", "put", tmp_path / "gate.jpg", "--kind", "photograph", "--config", hub.config)
        assert "2 documents were given it" in command("keys", "rotate", "--config", hub.config).stdout
        assert command("keys", "check", "--config", hub.config).stdout.startswith("2 documents, all readable")
        listed = command("documents", "list", "--config", hub.config).stdout.splitlines()
        assert [line.split("  ")[:3] for line in listed] == [
            ["gate.jpg@1", "photograph", "image/jpeg"],
            ["walk@1", "assessment", "application/yaml"],
        ]
        got = command("documents", "get", "walk", "--out", tmp_path / "got", "--config", hub.config)
        assert (got.returncode, (tmp_path / "got").read_bytes()) == (0, plain)
        (tmp_path / "got").unlink()
        assert command("audit", "verify", hub.config).returncode == 0
    (start,) = [detail for action, _, detail in entries(hub) if action == "hub.start"]
    assert start["assessment_sha256"].startswith("walk@1 ")
    assert plain[:40].decode() not in hub.log.read_text()
    kept = keys.rename(tmp_path / "kept.json")
    lost = command("run", hub.config)
    assert lost.returncode == 2
    assert "document walk@1: the key file" in lost.stderr
    assert "put it back" in lost.stderr
    # the assessment is a file now: the square is watched, and what is lost is said
    hub.config.write_text(hub.config.read_text().replace("vault:walk", str(DATA / "plaza_assessment.yaml")))
    with hub:
        assert "2 documents of the vault can not be read (gate.jpg@1, walk@1)" in hub.log.read_text()
    assert [detail for action, _, detail in entries(hub) if action == "keys.lost"] == [
        {"documents": ["gate.jpg@1", "walk@1"]}
    ]
    shutil.copy(kept, keys)
    assert command("keys", "check", "--config", hub.config).returncode == 0
