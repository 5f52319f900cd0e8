"""The outbox: nothing accepted is lost, also by kill -9, and a full disk is told and survived."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from contract.messages import Reading, SettledSeq
from edge.outbox import HELD_MAX, Outbox, OutboxUnusable

ROOT = Path(__file__).parents[2]


def reading(seq, *, boot="boot-a", camera="gate"):
    return Reading(
        schema=1, site="square", agent="east", camera=camera, boot=boot, seq=seq, oldest_seq=0, period_s=1.0,
        captured_from="2026-06-20T18:00:00.000Z", captured_to="2026-06-20T18:00:01.000Z",
        sent_at="2026-06-20T18:00:01.000Z", clock="media", frames_used=10, frames_dropped=0, model=None,
        calibration=None, grid=None, people_outside_grid=0.0, vehicles=(), crossings=(),
    )  # fmt: skip


def settled(seq, *, boot="boot-a", camera="gate"):
    return [SettledSeq(boot=boot, camera=camera, seq=seq)]


@pytest.fixture
def outbox(tmp_path):
    box = Outbox(tmp_path / "outbox.sqlite")
    yield box
    box.close()


def seqs(box):
    return [(slip.boot, slip.camera, slip.seq) for slip in box]


def test_a_reading_leaves_only_when_the_ack_covers_it(outbox):
    for seq in range(5):
        outbox.put(reading(seq))
    assert [slip.seq for slip in outbox.settle(settled(2))] == [0, 1, 2]
    assert seqs(outbox) == [("boot-a", "gate", 3), ("boot-a", "gate", 4)]
    assert outbox.settle(settled(2)) == []
    assert outbox.settle(settled(99, boot="never")) == []
    assert len(outbox) == 2


def test_acks_are_per_boot_and_camera(outbox):
    outbox.put(reading(0))
    outbox.put(reading(0, camera="wall"))
    outbox.put(reading(0, boot="boot-b"))
    outbox.settle(settled(0))
    assert seqs(outbox) == [("boot-a", "wall", 0), ("boot-b", "gate", 0)]


def test_sent_at_and_oldest_seq_are_set_at_each_publish(outbox):
    slips = [outbox.put(reading(seq)) for seq in range(4)]
    outbox.settle(settled(1))
    said = outbox.message(slips[3], sent_at_ms=1_800_000_000_123)
    assert (said.seq, said.oldest_seq, said.sent_at) == (3, 2, "2027-01-15T08:00:00.123Z")
    assert outbox.message(slips[3], sent_at_ms=None).sent_at == "2026-06-20T18:00:01.000Z"
    assert outbox.message(slips[0], sent_at_ms=None) is None


def test_a_new_start_still_holds_what_older_boots_left(tmp_path):
    path = tmp_path / "outbox.sqlite"
    first = Outbox(path)
    for seq in range(3):
        first.put(reading(seq))
    first.settle(settled(0))
    first.close()
    second = Outbox(path)
    slip = second.put(reading(0, boot="boot-b"))
    assert seqs(second) == [("boot-a", "gate", 1), ("boot-a", "gate", 2), ("boot-b", "gate", 0)]
    assert second.message(second.waiting()[0], sent_at_ms=None).oldest_seq == 1
    assert second.message(slip, sent_at_ms=None).oldest_seq == 0
    second.close()


def test_numbers_are_not_used_again_after_everything_was_settled(tmp_path):
    path = tmp_path / "outbox.sqlite"
    first = Outbox(path)
    last = first.put(reading(0)).number
    first.settle(settled(0))
    first.close()
    second = Outbox(path)
    assert second.put(reading(1)).number > last
    second.close()


def test_kill_9_loses_nothing_that_was_accepted(tmp_path):
    path = tmp_path / "outbox.sqlite"
    body = msgspec.json.encode(reading(0)).decode()
    program = (
        "import sys, msgspec\n"
        f"sys.path[:0] = [{str(ROOT)!r}]\n"
        "from contract.messages import Reading\n"
        "from edge.outbox import Outbox\n"
        f"one = msgspec.json.decode({body!r}, type=Reading)\n"
        f"box = Outbox({str(path)!r})\n"
        "seq = 0\n"
        "while True:\n"
        "    box.put(msgspec.structs.replace(one, seq=seq))\n"
        "    print(seq, flush=True)\n"
        "    seq += 1\n"
    )
    child = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    last = -1
    for line in child.stdout:
        last = int(line)
        if last >= 200:
            break
    os.kill(child.pid, signal.SIGKILL)
    rest = child.stdout.read().split()
    child.wait()
    last = int(rest[-1]) if rest else last
    box = Outbox(path)
    kept = [slip.seq for slip in box]
    assert kept[: last + 1] == list(range(last + 1))
    assert len(kept) <= last + 2, "at most the one whose acceptance was not told yet"
    assert all(box.message(slip, sent_at_ms=None).seq == slip.seq for slip in box)
    box.close()


def test_two_agents_cannot_share_one_outbox(tmp_path):
    first = Outbox(tmp_path / "outbox.sqlite")
    with pytest.raises(OutboxUnusable, match="cannot be opened"):
        Outbox(tmp_path / "outbox.sqlite")
    first.close()


def test_a_folder_that_cannot_be_written_says_so(tmp_path):
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(OutboxUnusable, match="check the folder"):
        Outbox(tmp_path / "file" / "outbox.sqlite")


def fill(outbox):
    """Makes the disk full as SQLite sees it: no page more may be added."""
    (pages,) = outbox._db.execute("PRAGMA page_count").fetchone()
    outbox._db.execute(f"PRAGMA max_page_count = {pages}")


def test_a_full_disk_is_told_and_the_agent_goes_on(outbox):
    outbox.put(reading(0))
    fill(outbox)
    seq = 1
    while outbox.problem is None:
        outbox.put(reading(seq))
        seq += 1
        assert seq < 1000
    assert "is full" in outbox.problem
    assert "free disk space" in outbox.problem
    slip = outbox.put(reading(seq))
    assert outbox.message(slip, sent_at_ms=None).seq == seq, "what is held can still be published"
    assert [s.seq for s in outbox] == list(range(seq + 1))
    outbox._db.execute("PRAGMA max_page_count = 100000")
    outbox.put(reading(seq + 1))
    assert outbox.problem is None
    (stored,) = outbox._db.execute("SELECT count(*) FROM reading").fetchone()
    assert stored == seq + 2, "what was held is on disk again"


def test_on_a_full_disk_acks_still_empty_it(outbox):
    for seq in range(50):
        outbox.put(reading(seq))
    fill(outbox)
    while outbox.problem is None:
        outbox.put(reading(len(outbox)))
    newest = len(outbox) - 1
    outbox.settle(settled(newest))
    assert len(outbox) == 0


def test_memory_is_bounded_and_the_loss_is_counted(tmp_path):
    outbox = Outbox(tmp_path / "outbox.sqlite", readings_max=100)
    for seq in range(100 + HELD_MAX + 7):
        outbox.put(reading(seq))
    assert "holds 100 readings already" in outbox.problem
    assert len(outbox) == 100 + HELD_MAX
    assert outbox.lost == 7
    outbox.settle(settled(99))
    outbox.put(reading(9999))
    assert outbox.problem is None
    outbox.close()


def test_a_newer_layout_is_refused(tmp_path):
    path = tmp_path / "outbox.sqlite"
    db = sqlite3.connect(path)
    db.execute("PRAGMA user_version = 9")
    db.close()
    with pytest.raises(OutboxUnusable, match="layout 9"):
        Outbox(path)


def test_an_ack_that_names_a_stream_twice_is_as_good_as_one(outbox):
    for seq in range(3):
        outbox.put(reading(seq))
    assert [slip.seq for slip in outbox.settle(settled(0) + settled(1))] == [0, 1]
    assert [slip.seq for slip in outbox] == [2]
