"""A real child process is killed at any moment of its writing: the chain holds, and all it said is on disk is there."""

from __future__ import annotations

import random
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

from hub import audit, migrate
from hub.audit_check import check

ROOT = Path(__file__).resolve().parents[2]
KILLS = 25
# Each line that it prints was on disk before. A batch of several entries, beside a row that stands for what was done.
WRITER = """
import sqlite3, sys
from hub import audit
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute("PRAGMA synchronous = FULL")
print("ready", flush=True)
while True:
    db.execute("BEGIN IMMEDIATE")
    for part in range(3):
        at = audit.head(db)[0] + 1
        db.execute("INSERT INTO counts (name, n) VALUES (?, ?)", (f"done-{at}", at))
        one = audit.AuditEntry(at_ms=at, actor="Ana", via="open", action="alert.close", subject="x" * 900)
        audit.append(db, one)
    db.execute("COMMIT")
    print(at, flush=True)
"""


def test_kill_9_in_the_middle_of_a_write(tmp_path: Path) -> None:
    path = tmp_path / "hub.sqlite3"
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("PRAGMA journal_mode = WAL")
        migrate.migrate(db)
    wait = random.Random(20261122)
    seen = 0
    for _ in range(KILLS):
        child = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path)], cwd=ROOT, stdout=subprocess.PIPE, text=True
        )
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        time.sleep(wait.uniform(0, 0.04))  # any moment will do: this is what is tried out
        child.kill()
        lines = child.stdout.read().split("\n")[:-1]
        child.stdout.close()
        child.wait()
        told = int(lines[-1]) if lines else seen
        with closing(sqlite3.connect(path, isolation_level=None)) as db:
            found = check(db)
            done = db.execute("SELECT count(*) FROM counts").fetchone()[0]
            assert audit.head(db) == (found.last, found.hash)
        assert found.finding is None
        assert found.last >= told >= seen
        assert (done, found.last % 3) == (found.last, 0)  # what was done and its entry: both, or neither
        seen = found.last
    assert seen > KILLS
