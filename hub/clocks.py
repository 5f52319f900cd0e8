"""How far each device's clock is off, from when messages came and when they say they were sent.

offset = median(received - sent_at) over the last 60 s, for each boot. A message that waited in the broker looks like a
slow clock. Two things tell them apart: while a queue drains, sent_at runs much faster than the clock on the wall; and
waiting can only add to the offset. So an offset counts only once its samples run at the pace of time, and a slow
clock has to show itself for longer than a fast one. Shorter is enough where a new boot speaks, after one whose clock is
known, from before the other's last message: messages keep their order, so its clock was set back.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from statistics import median

from contract import limits

WINDOW_MS = 60_000
SAMPLES_MAX = 600
SAMPLES_MIN = 3
FAST_SPAN_MS = 1_500  # [E] a message from the future can not have waited: two periods show it
SLOW_SPAN_MS = 15_000  # [E] longer than an agent takes to empty a full outbox into the broker
PACE_SLACK_MS = 1_000  # [E] jitter of the network and of batches
PACE_SLACK_SHARE = 0.2
SAMPLE_EVERY_MS = 250  # [E] readings of many cameras in one batch say the same thing
JUMP_MS = 2_000  # [E] the device's clock was set, or a queue drains: what came before says nothing about now
BOOTS_MAX = 20  # [E] of one agent; one heard again later is measured again in seconds
CORRECTED_MS = int(limits.CLOCK_OFFSET_CORRECTED_S * 1000)


@dataclass(slots=True)
class Clock:
    """One boot's clock. `offset_ms`: received - sent_at, None while unknown; negative where the device runs ahead."""

    offset_ms: int | None = None
    samples: deque[tuple[int, int]] = field(default_factory=deque)
    follows_ms: int | None = None  # when the boot before this one last spoke, by a clock that was known

    @property
    def correction_ms(self) -> int:
        """What is added to the device's times: 0 up to two seconds off."""
        if self.offset_ms is None or abs(self.offset_ms) <= CORRECTED_MS:
            return 0
        return self.offset_ms

    @property
    def sure(self) -> bool:
        """Whether the offset is known and the last message agrees with it."""
        if self.offset_ms is None or not self.samples:
            return False
        received_ms, sent_at_ms = self.samples[-1]
        return abs(received_ms - sent_at_ms - self.offset_ms) <= JUMP_MS

    def note(self, *, received_ms: int, sent_at_ms: int) -> None:
        samples = self.samples
        if samples and received_ms - samples[-1][0] < SAMPLE_EVERY_MS:
            return
        if samples and abs(received_ms - sent_at_ms - (samples[-1][0] - samples[-1][1])) > JUMP_MS:
            samples.clear()
        samples.append((received_ms, sent_at_ms))
        while len(samples) > SAMPLES_MAX or received_ms - samples[0][0] > WINDOW_MS:
            samples.popleft()
        self._judge()

    def _judge(self) -> None:
        samples = self.samples
        if len(samples) < SAMPLES_MIN:
            return
        received_span = samples[-1][0] - samples[0][0]
        sent_span = samples[-1][1] - samples[0][1]
        offset = round(median(received - sent for received, sent in samples))
        if abs(offset) > CORRECTED_MS:
            set_back = self.follows_ms is not None and samples[-1][1] < self.follows_ms - JUMP_MS
            if received_span < (FAST_SPAN_MS if offset < 0 or set_back else SLOW_SPAN_MS):
                return
            if abs(received_span - sent_span) > max(PACE_SLACK_MS, PACE_SLACK_SHARE * received_span):
                return
        self.offset_ms = offset


class Clocks:
    """The clocks of boots, by (agent, boot): of each agent those that came last."""

    def __init__(self, known: dict[tuple[str, str], int] | None = None) -> None:
        self._clocks = {key: Clock(offset_ms) for key, offset_ms in (known or {}).items()}
        self._last_heard: dict[str, Clock] = {}  # by agent

    def of(self, agent: str, boot: str) -> Clock:
        key = (agent, boot)
        clock = self._clocks.get(key)
        if clock is None:
            # a boot's name comes off the wire: there may be any number of them
            of_agent = [one for one in self._clocks if one[0] == agent]
            for one in of_agent[: max(0, len(of_agent) + 1 - BOOTS_MAX)]:
                del self._clocks[one]
            clock = self._clocks[key] = Clock()
        return clock

    def heard(self, agent: str, boot: str) -> Clock:
        """Like `of`, for a message that comes now, in the order in which it was sent."""
        clock, before = self.of(agent, boot), self._last_heard.get(agent)
        if clock is not before:
            self._last_heard[agent] = clock
            if before is not None and before.sure and clock.offset_ms is None and clock.follows_ms is None:
                clock.follows_ms = before.samples[-1][1] + before.correction_ms
        return clock

    def get(self, agent: str, boot: str) -> Clock | None:
        """Like `of`, but makes none."""
        return self._clocks.get((agent, boot))
