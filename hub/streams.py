"""Which readings of each stream are settled: stored, or refused for good. A stream is one (agent, boot, camera)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

NOTHING = -1


@dataclass(slots=True)
class Stream:
    """`settled`: everything up to it is settled. `above`: settled seqs beyond the first gap."""

    id: int
    agent: str
    boot: str
    camera: str
    settled: int = NOTHING
    touched_ms: int = 0
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
    """All streams known, by (agent, boot, camera)."""

    def __init__(self, known: Iterable[Stream] = ()) -> None:
        self._streams = {(one.agent, one.boot, one.camera): one for one in known}
        self._next_id = max((one.id for one in self._streams.values()), default=0) + 1

    def get(self, agent: str, boot: str, camera: str) -> Stream | None:
        return self._streams.get((agent, boot, camera))

    def open(self, agent: str, boot: str, camera: str) -> Stream:
        """A new stream. The caller has looked: it is not known yet."""
        stream = Stream(self._next_id, agent, boot, camera)
        self._next_id += 1
        self._streams[agent, boot, camera] = stream
        return stream

    def of(self, agent: str, *, since_ms: int, at_most: int) -> list[Stream]:
        """The agent's streams heard since then, newest first, at most so many."""
        found = [s for s in self._streams.values() if s.agent == agent and s.touched_ms >= since_ms]
        found.sort(key=lambda s: (-s.touched_ms, s.boot, s.camera))
        return found[:at_most]

    def agents(self) -> list[str]:
        return sorted({one.agent for one in self._streams.values()})
