from __future__ import annotations

from hub.wall_clock import WallClock

SECOND_NS = 1_000_000_000


class Machine:
    wall_s = 1_000.0
    run_s = 5.0

    def clock(self):
        return WallClock(lambda: round(self.wall_s * SECOND_NS), lambda: round(self.run_s * SECOND_NS))

    def live(self, seconds):
        self.wall_s += seconds
        self.run_s += seconds


def test_it_is_the_clock_on_the_wall():
    machine = Machine()
    clock = machine.clock()
    assert clock() == 1_000_000
    machine.live(2.5)
    assert clock() == 1_002_500


def test_set_back_it_neither_goes_back_nor_stands_still(caplog):
    machine = Machine()
    clock = machine.clock()
    machine.wall_s -= 3_600
    seen = []
    for _ in range(5):
        machine.live(1)
        seen.append(clock())
    assert seen == [1_001_000, 1_002_000, 1_003_000, 1_004_000, 1_005_000]
    assert [r.message.count("set back by 3600.0 s") for r in caplog.records] == [1]


def test_set_ahead_or_woken_from_sleep_it_follows():
    machine = Machine()
    clock = machine.clock()
    machine.wall_s += 7_200
    assert clock() == 8_200_000
