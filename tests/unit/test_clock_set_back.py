"""A device's clock is set back: a new boot speaks from the past, and its camera is back within seconds."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import pytest

from contract import topics
from contract.messages import AgentStatus, CameraHealth
from hub.batch import Batch
from hub.clocks import Clock, Clocks
from hub.ingest import Arrival, Heard, Ingest, Seen
from hub.monitor import Monitor
from hub.site import Site, read_site
from hub.streams import Streams
from tests.kit.square import SITE, Square
from tests.unit.test_ingest import Empty

SQUARE = Square(cameras=1)
NOW_MS = 1_781_978_400_000
READING = topics.READING.address(site=SITE, agent="box-0", camera="cam-0")
HEALTH = topics.HEALTH.address(site=SITE, agent="box-0", camera="cam-0")
STATUS = topics.STATUS.address(site=SITE, agent="box-0")
HOUR_MS = 3_600_000


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    return read_site(SQUARE.write(tmp_path_factory.mktemp("site")))


class Listener:
    """Ingest and monitor on wall time, as the judge joins them."""

    def __init__(self, site: Site) -> None:
        self.ingest = Ingest(site=site, store=Empty(), streams=Streams(), clocks=Clocks(), media=False)
        self.monitor = Monitor(site=site, assessment=None, run="test")
        self.heard: list[CameraHealth | AgentStatus] = []

    def take(self, topic: str, payload: bytes, at_ms: int, *, again: bool = False) -> list[Seen | Heard]:
        found = []
        for fact in self.ingest.sort([Arrival(topic, payload, at_ms, again, 1, 1, 1)], Batch()):
            if isinstance(fact, Seen) and fact.live:
                self.monitor.observe(fact.observation, received_ms=fact.received_ms)
            if isinstance(fact, Heard):
                self.heard.append(fact.message)
                if isinstance(fact.message, AgentStatus):
                    self.monitor.note_status(fact.message, received_ms=fact.received_ms)
                else:
                    self.monitor.note_health(fact.message, received_ms=fact.received_ms)
            if isinstance(fact, Seen | Heard):
                found.append(fact)
        return found

    def second(self, n: int, *, boot: str, ahead_ms: int, people_per_m2: float = 0.1) -> str:
        """Second `n` of the hub: a reading from a device whose clock is ahead by so much; the camera's state after."""
        at_ms = NOW_MS + 1000 * n
        reading = SQUARE.reading(
            0,
            seq=n,
            boot=boot,
            captured_to_ms=at_ms + ahead_ms - 100,
            sent_at_ms=at_ms + ahead_ms - 20,
            people_per_m2=people_per_m2,
        )
        self.take(READING, msgspec.json.encode(reading), at_ms)
        return self.monitor.step(at_ms).cameras[0].state


@pytest.fixture
def listener(site: Site) -> Iterator[Listener]:
    yield Listener(site)


@pytest.mark.parametrize("back_ms", [1_500, 2_500, 60_000, HOUR_MS, 24 * HOUR_MS])
@pytest.mark.parametrize("was_ahead_ms", [0, 1_900, 90_000])
def test_back_within_seconds(listener: Listener, back_ms: int, was_ahead_ms: int) -> None:
    for n in range(20):
        listener.second(n, boot="boot-a", ahead_ms=was_ahead_ms)
    states = [listener.second(n, boot="boot-b", ahead_ms=was_ahead_ms - back_ms) for n in range(20, 40)]
    assert states[4:] == ["live"] * 16, states


def test_what_an_older_boot_left_behind_lowers_nothing(listener: Listener) -> None:
    for n in range(10):
        listener.second(n, boot="boot-a", ahead_ms=0, people_per_m2=0.1)
    for n in range(10, 30):
        listener.second(n, boot="boot-b", ahead_ms=-HOUR_MS, people_per_m2=1.0)
    at_ms = NOW_MS + 29_500
    before = listener.monitor.step(at_ms).zones[0]
    for age_ms in (500, 1_500, 2_500, 25_000):
        # the same second as the newest and older ones, of a boot that has ended
        old = SQUARE.reading(
            0, seq=400 + age_ms, boot="boot-a", captured_to_ms=at_ms - age_ms - 200, people_per_m2=0.0
        )
        listener.take(READING, msgspec.json.encode(old), at_ms, again=True)
    after = listener.monitor.step(at_ms).zones[0]
    assert (after.people, after.quality) == (before.people, before.quality)
    assert before.people == pytest.approx(1600)


def test_a_queue_that_drains_after_a_restart_is_no_clock_set_back() -> None:
    """The hub was away ten minutes in which the agent started anew; the broker gives all of it in two seconds."""
    clocks = Clocks()
    for n in range(60):
        clocks.heard("box", "a").note(received_ms=NOW_MS + 1000 * n, sent_at_ms=NOW_MS + 1000 * n - 20)
    back_ms = NOW_MS + 660_000
    for n in range(600):
        boot = "a" if n < 300 else "b"
        clocks.heard("box", boot).note(received_ms=back_ms + 4 * n, sent_at_ms=NOW_MS + 60_000 + 1000 * n)
    assert clocks.of("box", "b").correction_ms == 0


def test_a_slow_clock_without_a_boot_before_takes_its_time() -> None:
    clock = Clock()
    for n in range(14):
        clock.note(received_ms=NOW_MS + 1000 * n, sent_at_ms=NOW_MS - 60_000 + 1000 * n)
    assert clock.offset_ms is None


# --- health and status: the last word, by boot and time -----------------------------------------------------


def health(boot: str, sent_at_ms: int, picture: str = "good") -> bytes:
    one = SQUARE.health(0, sent_at_ms=sent_at_ms, boot=boot)
    return msgspec.json.encode(msgspec.structs.replace(one, picture=picture))


def status(boot: str, sent_at_ms: int, state: str = "online") -> bytes:
    return msgspec.json.encode(SQUARE.status("box-0", sent_at_ms=sent_at_ms, boot=boot, state=state))


def test_late_health_of_an_older_boot_is_not_the_last_word(listener: Listener) -> None:
    for n in range(5):
        listener.second(n, boot="boot-b", ahead_ms=0)
    at_ms = NOW_MS + 5_000
    assert listener.take(HEALTH, health("boot-b", at_ms - 50, "frozen"), at_ms)
    assert listener.take(HEALTH, health("boot-a", at_ms - 60_000), at_ms, again=True) == []
    assert listener.take(HEALTH, health("boot-b", at_ms - 90_000), at_ms, again=True) == []
    assert listener.monitor.step(at_ms).cameras[0].picture == "frozen"
    assert listener.take(HEALTH, health("boot-c", at_ms + 900), at_ms + 1000)
    assert listener.monitor.step(at_ms + 1000).cameras[0].picture == "good"


def test_health_ahead_of_time_holds_nobody_back(listener: Listener) -> None:
    """A boot whose clock ran an hour ahead spoke before that was known."""
    assert listener.take(HEALTH, health("boot-a", NOW_MS + HOUR_MS, "dark"), NOW_MS)
    assert listener.take(HEALTH, health("boot-b", NOW_MS + 10_000), NOW_MS + 10_050)


def test_a_late_will_of_the_boot_before_is_not_the_last_word(listener: Listener) -> None:
    for n in range(3):
        listener.second(n, boot="boot-a", ahead_ms=0)
    assert listener.take(STATUS, status("boot-a", NOW_MS), NOW_MS + 20)
    assert listener.take(STATUS, status("boot-b", NOW_MS + 4_000), NOW_MS + 4_020)
    assert listener.take(STATUS, status("boot-a", NOW_MS - 50, "offline"), NOW_MS + 4_500) == []
    # its own will counts, though it was written when it connected
    assert listener.take(STATUS, status("boot-b", NOW_MS + 3_900, "offline"), NOW_MS + 9_000)
    assert listener.heard[-1].state == "offline"  # type: ignore[union-attr]


def test_the_status_of_a_boot_whose_clock_was_set_back_counts_once_it_is_live(listener: Listener) -> None:
    """It is said once, so it must not be lost."""
    for n in range(5):
        listener.second(n, boot="boot-a", ahead_ms=0)
    listener.take(STATUS, status("boot-a", NOW_MS), NOW_MS + 20)
    listener.take(STATUS, status("boot-a", NOW_MS - 50, "offline"), NOW_MS + 5_000)
    assert listener.take(STATUS, status("boot-b", NOW_MS - HOUR_MS + 6_000), NOW_MS + 6_020) == []
    for n in range(6, 12):
        listener.second(n, boot="boot-b", ahead_ms=-HOUR_MS)
    last = listener.heard[-1]
    assert isinstance(last, AgentStatus)
    assert (last.boot, last.state) == ("boot-b", "online")
