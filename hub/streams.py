"""Which readings of each stream are settled: stored, or refused for good. A stream is one (agent, boot, camera)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

NOTHING = -1
KEPT_MS = 30 * 86_400_000  # [E] longer than an agent can well be away with readings nobody has acknowledged
KEPT_MAX = 2_000  # [E] of one camera; an agent that starts anew every minute makes 1,440 a day
YOUNG_MS = 12 * 3_600_000  # [E] captured since then is of no dropped stream: KEPT_MAX boots take longer
_AHEAD_MAX_MS = 60_000  # [E] a device further ahead of the hub says nothing about what is old


@dataclass(slots=True)
class Stream:
    """`settled`: everything up to it is settled. `above`: settled seqs beyond the first gap.

    `captured_ms`: the newest captured_to, by the device's own clock. `forgotten`: the highest seq whose payload is
    past its time, so that nothing but this says that it was heard.
    """

    id: int
    agent: str
    boot: str
    camera: str
    settled: int = NOTHING
    touched_ms: int = 0
    captured_ms: int = 0
    forgotten: int = NOTHING
    above: set[int] = field(default_factory=set)

    def is_above_all(self, seq: int) -> bool:
        """Whether `seq` is certainly new: beyond the gapless part and not among those above it."""
        return seq > self.settled and seq not in self.above

    def settle(self, seq: int, *, oldest_seq: int) -> None:
        """Marks `seq` settled. The agent says that nothing below `oldest_seq` will come again."""
        self.above.add(seq)
        if oldest_seq - 1 > self.settled:
            self.settled = oldest_seq - 1
            self.above = {one for one in self.above if one > self.settled}
        while self.settled + 1 in self.above:
            self.settled += 1
            self.above.discard(self.settled)
        if seq <= self.settled:
            self.above.discard(seq)


class Streams:
    """Streams by (agent, boot, camera). Old ones are dropped, and then a floor under the camera keeps duplicates out.

    Every reading of a dropped stream was captured, by its device's own clock, at or before the floor. So a reading
    above it is of no dropped stream; one at or below it that no stream knows can not be told from a duplicate.
    """

    def __init__(
        self,
        known: Iterable[Stream] = (),
        *,
        floors: Mapping[tuple[str, str], int] | None = None,
        next_id: int = 1,
    ) -> None:
        self._streams = {(one.agent, one.boot, one.camera): one for one in known}
        self._floors = dict(floors or {})
        self._next_id = max([next_id, *(one.id + 1 for one in self._streams.values())])
        self._count = Counter((one.agent, one.camera) for one in self._streams.values())
        self.crowded = False  # whether some camera has more streams than are kept

    def get(self, agent: str, boot: str, camera: str) -> Stream | None:
        return self._streams.get((agent, boot, camera))

    def open(self, agent: str, boot: str, camera: str) -> Stream:
        """A new stream. The caller has looked: it is not known yet."""
        stream = Stream(self._next_id, agent, boot, camera)
        self._next_id += 1
        self._streams[agent, boot, camera] = stream
        self._count[agent, camera] += 1
        self.crowded = self.crowded or self._count[agent, camera] > KEPT_MAX * 11 // 10
        return stream

    def is_below_floor(self, agent: str, camera: str, captured_ms: int) -> bool:
        """Whether a reading captured then, by the device's own clock, may be of a stream that was dropped."""
        return bool(self._floors) and captured_ms <= self._floors.get((agent, camera), captured_ms - 1)

    def to_drop(self, *, before_ms: int) -> list[Stream]:
        """Those not heard, and with nothing captured, since then; and of each camera the oldest beyond KEPT_MAX."""
        gone: list[Stream] = []
        kept: dict[tuple[str, str], list[Stream]] = {}
        for one in self._streams.values():
            if max(one.touched_ms, one.captured_ms) < before_ms:
                gone.append(one)
            else:
                kept.setdefault((one.agent, one.camera), []).append(one)
        for streams in kept.values():
            if len(streams) > KEPT_MAX:
                streams.sort(key=lambda one: (one.touched_ms, one.id))
                old = streams[: len(streams) - KEPT_MAX]
                # a floor in the future would keep everything out
                gone += [one for one in old if one.captured_ms <= one.touched_ms + _AHEAD_MAX_MS]
        return sorted(gone, key=lambda one: one.id)

    def floors_without(self, gone: Iterable[Stream]) -> dict[tuple[str, str], int]:
        """The floors that dropping these raises, by (agent, camera)."""
        raised: dict[tuple[str, str], int] = {}
        for one in gone:
            key = (one.agent, one.camera)
            raised[key] = max(one.captured_ms, raised.get(key, self._floors.get(key, one.captured_ms)))
        return raised

    def drop(self, gone: Iterable[Stream]) -> None:
        """Forgets these. What may still come of them stays out."""
        gone = tuple(gone)
        self._floors |= self.floors_without(gone)
        for one in gone:
            del self._streams[one.agent, one.boot, one.camera]
            self._count[one.agent, one.camera] -= 1
        self.crowded = False

    def forget_payloads(self, highest: Mapping[int, int]) -> None:
        """`highest`: by stream id, the highest seq whose payload was deleted."""
        for one in self._streams.values():
            one.forgotten = max(one.forgotten, highest.get(one.id, NOTHING))

    def of(self, agent: str, *, since_ms: int, at_most: int) -> list[Stream]:
        """The agent's streams heard since then, newest first, at most so many."""
        found = [s for s in self._streams.values() if s.agent == agent and s.touched_ms >= since_ms]
        found.sort(key=lambda s: (-s.touched_ms, s.boot, s.camera))
        return found[:at_most]

    def agents(self) -> list[str]:
        return sorted({one.agent for one in self._streams.values()})
