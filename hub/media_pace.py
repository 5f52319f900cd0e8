"""At which instants recorded time is judged: the one rule of the live hub on media time and of replays.

A step at every capture instant, once all readings of that instant are in, taken in the order of camera, boot and seq;
and one at every whole second between, so that what silence does is judged too. So neither how readings come in batches
nor which camera's come first moves an alert.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from contract.intake import Observation

SECOND_MS = 1000
GAP_MAX_MS = 3_600_000  # [E] the seconds of a longer gap are not walked through: nobody judged then
AWAITED_MS = 3_000  # a camera is silent after max(3 s, 3 periods): nobody waits for it any longer
AWAITED_PERIODS = 3


class Instant(NamedTuple):
    """Take these in, then step at `now_ms`."""

    now_ms: int
    observations: tuple[Observation, ...]


class MediaPace:
    """Holds readings until their instant is complete: no camera still awaited has stopped short of it."""

    def __init__(self, cameras: Iterable[str]) -> None:
        """`cameras`: all that may speak. Those that have not yet are awaited from the first reading on."""
        self._cameras = tuple(cameras)
        self._newest_ms: dict[str, int] = {}
        self._awaited_ms: dict[str, int] = {}
        self._held: dict[int, list[Observation]] = {}
        self.stepped_ms: int | None = None

    @property
    def holds(self) -> bool:
        return bool(self._held)

    def hold(self, observation: Observation) -> None:
        """One that comes after its instant was judged is taken in with the last one."""
        camera, captured_ms = observation.reading.camera, observation.captured_to_ms
        if not self._newest_ms:
            self._newest_ms = dict.fromkeys(self._cameras, observation.captured_from_ms)
        self._newest_ms[camera] = max(captured_ms, self._newest_ms.get(camera, captured_ms))
        self._awaited_ms[camera] = max(
            AWAITED_MS, round(AWAITED_PERIODS * observation.reading.period_s * SECOND_MS)
        )
        at_ms = captured_ms if self.stepped_ms is None else max(captured_ms, self.stepped_ms)
        self._held.setdefault(at_ms, []).append(observation)

    def due(self, *, everything: bool = False) -> list[Instant]:
        """The instants to judge now, in order. `everything`: no more readings come, or none for now."""
        if not self._held:
            return []
        ready_ms = max(self._held) if everything else self._complete_ms()
        found: list[Instant] = []
        for at_ms in sorted(one for one in self._held if one <= ready_ms):
            last_ms = self.stepped_ms
            if last_ms is not None and at_ms - last_ms <= GAP_MAX_MS:
                first_ms = (last_ms // SECOND_MS + 1) * SECOND_MS
                found += [Instant(second_ms, ()) for second_ms in range(first_ms, at_ms, SECOND_MS)]
            found.append(Instant(at_ms, tuple(sorted(self._held.pop(at_ms), key=_order))))
            self.stepped_ms = at_ms
        return found

    def _complete_ms(self) -> int:
        newest_ms = max(self._newest_ms.values())
        return min(
            at_ms
            for camera, at_ms in self._newest_ms.items()
            if newest_ms - at_ms <= self._awaited_ms.get(camera, AWAITED_MS)
        )


def _order(observation: Observation) -> tuple[str, str, int]:
    reading = observation.reading
    return reading.camera, reading.boot, reading.seq
