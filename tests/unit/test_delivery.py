"""What is published next, and when it is said again. Time and link are given."""

from __future__ import annotations

import msgspec
import pytest

from contract.messages import Ack, Reading, RefusedSeq, SettledSeq
from edge.delivery import (
    AGAIN_AFTER_ACK_S,
    AGAIN_WITHOUT_ACK_S,
    BACKLOG_OPEN_MAX,
    LOOK_EVERY_S,
    Delivery,
)
from edge.outbox import Outbox
from tests.unit.test_outbox import reading


class Wire:
    """A link that remembers, with room for as many messages as it is told."""

    def __init__(self):
        self.said = []
        self.room = 10**9

    @property
    def has_room(self):
        return self.room > 0

    def publish(self, message):
        self.room -= 1
        self.said.append(msgspec.json.decode(message.body, type=Reading))
        return True

    def take(self):
        said, self.said = self.said, []
        return [(one.boot, one.camera, one.seq) for one in said]


class World:
    def __init__(self, path):
        self.now_s = 1000.0
        self.box = Outbox(path)
        self.wire = Wire()
        self.delivery = self.start()

    def start(self):
        return Delivery(
            outbox=self.box, site="square", agent="east", stamp_ms=lambda: None, now_s=lambda: self.now_s
        )

    def put(self, *seqs, **names):
        for seq in seqs:
            self.delivery.offer(self.box.put(reading(seq, **names)))

    def go(self, seconds=0.0):
        self.now_s += seconds
        self.delivery.step(self.wire)
        return self.wire.take()

    def ack(self, seq, *, boot="boot-a", camera="gate", agent="east", refused=()):
        ack = Ack(
            schema=1, site="square", agent=agent, sent_at="2026-06-20T18:00:01.000Z",
            settled=(SettledSeq(boot=boot, camera=camera, seq=seq),), refused=refused,
        )  # fmt: skip
        self.delivery.settle(msgspec.json.encode(ack))


@pytest.fixture
def world(tmp_path):
    made = World(tmp_path / "outbox.sqlite")
    yield made
    made.box.close()


def seqs(said):
    return [seq for _, _, seq in said]


def test_each_reading_goes_once_while_the_hub_settles(world):
    for seq in range(100):
        world.put(seq)
        assert seqs(world.go(1.0)) == [seq]
        world.ack(seq)
    assert len(world.box) == 0
    assert world.go(100.0) == []


def test_what_an_ack_passed_over_is_sent_again_after_a_while(world):
    world.put(0, 1, 2)
    assert seqs(world.go()) == [0, 1, 2]
    world.now_s += AGAIN_AFTER_ACK_S - 2
    world.ack(0)
    assert world.go(1) == []
    world.now_s += 3
    world.ack(0)
    assert seqs(world.go(LOOK_EVERY_S)) == [1, 2]
    world.now_s += AGAIN_AFTER_ACK_S + 2
    world.ack(0)
    assert world.go(LOOK_EVERY_S) == [], "the second wait is twice as long"
    world.now_s += AGAIN_AFTER_ACK_S
    world.ack(0)
    assert seqs(world.go(LOOK_EVERY_S)) == [1, 2]


def test_a_silent_hub_is_told_again_slowly(world):
    world.put(0)
    world.go()
    times = []
    for second in range(1, 2000):
        if world.go(1.0):
            times.append(second)
    assert times[0] == pytest.approx(AGAIN_WITHOUT_ACK_S, abs=3)
    assert len(times) <= 6


def test_a_new_connection_says_everything_again(world):
    world.put(0, 1, 2)
    world.go()
    world.ack(0)
    world.delivery.again()
    assert seqs(world.go()) == [1, 2]


def test_fresh_readings_go_before_the_backlog(world):
    for seq in range(50):
        world.box.put(reading(seq))
    world.delivery.again()
    world.put(50)
    world.wire.room = 3
    assert seqs(world.go()) == [50, 0, 1]


def test_the_backlog_waits_for_the_hub(world):
    for seq in range(BACKLOG_OPEN_MAX + 100):
        world.box.put(reading(seq))
    world.delivery.again()
    assert seqs(world.go()) == list(range(BACKLOG_OPEN_MAX))
    assert world.go(1) == []
    world.ack(99)
    assert seqs(world.go(1)) == list(range(BACKLOG_OPEN_MAX, BACKLOG_OPEN_MAX + 100))


def test_a_camera_the_hub_refuses_holds_up_no_other(world):
    for seq in range(BACKLOG_OPEN_MAX + 100):
        world.box.put(reading(seq, camera="unknown"))
    for seq in range(10):
        world.box.put(reading(seq, camera="wall"))
    world.delivery.again()
    said = world.go()
    assert [seq for _, camera, seq in said if camera == "wall"] == list(range(10))


def test_older_boots_are_sent_too(world):
    world.put(3, boot="boot-old")
    world.put(0, boot="boot-new")
    world.delivery = world.start()
    assert sorted(world.go()) == [("boot-new", "gate", 0), ("boot-old", "gate", 3)]


def test_without_room_nothing_is_lost(world):
    world.put(*range(10))
    world.wire.room = 4
    assert seqs(world.go()) == [0, 1, 2, 3]
    world.wire.room = 100
    assert seqs(world.go()) == [4, 5, 6, 7, 8, 9]


def test_a_link_that_breaks_in_the_middle_keeps_the_reading(world):
    world.put(0, 1)
    world.wire.publish = lambda message: False
    assert world.go() == []
    del world.wire.publish
    assert seqs(world.go()) == [0, 1]


def test_acks_of_others_and_nonsense_change_nothing(world, caplog):
    world.put(0)
    world.ack(5, agent="west")
    world.delivery.settle(b"\xff not json")
    assert len(world.box) == 1
    assert "cannot be read" in caplog.text


def test_a_refusal_is_told_once(world, caplog):
    world.put(0)
    refused = (RefusedSeq(boot="boot-a", camera="gate", seq=0, reason="grid_broken: 3 bytes"),)
    for _ in range(3):
        world.ack(0, refused=refused)
    assert caplog.text.count("refused reading 0: grid_broken") == 1


def test_a_backlog_that_waits_for_the_hub_stops_no_repeats(world):
    for seq in range(BACKLOG_OPEN_MAX + 100):
        world.box.put(reading(seq, camera="unknown"))
    world.delivery.again()
    world.put(0, camera="wall")
    assert ("boot-a", "wall", 0) in world.go()
    said = world.go(AGAIN_WITHOUT_ACK_S + 1)
    assert ("boot-a", "wall", 0) in said, "what the broker lost is said again"
    assert ("boot-a", "unknown", 0) in said, "so is what the hub may by now accept"


def test_a_damaged_reading_stops_no_other(world, caplog):
    world.put(0, 1, 2)
    world.box._db.execute("UPDATE reading SET body = CAST('no reading' AS BLOB) WHERE seq = 1")
    assert seqs(world.go()) == [0, 2]
    assert "reading 1 of camera gate" in caplog.text
    world.ack(0)
    world.now_s += AGAIN_AFTER_ACK_S + 1
    world.ack(0)
    world.delivery.step(world.wire)
    (again,) = world.wire.said
    assert (again.seq, again.oldest_seq) == (2, 2), "the hub is told not to wait for it"
