"""On- and off-delays in capture time: a condition must last before it counts, and be gone for a while before it ends.

`hold` is between the two thresholds: it ends nothing and begins nothing. `unknown` stops both clocks where they are.
"""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct


class Verdict(StrEnum):
    """What one evaluation of a rule says."""

    ON = "on"
    HOLD = "hold"
    OFF = "off"
    UNKNOWN = "unknown"


class Delay(Struct, kw_only=True):
    """The clocks of one rule step on one subject. `at_ms` is the last capture instant, None after an unknown one."""

    active: bool = False
    on_ms: int = 0
    on_samples: int = 0
    off_ms: int = 0
    off_samples: int = 0
    at_ms: int | None = None
    newest_ms: int | None = None

    @property
    def running(self) -> bool:
        """Whether it is on, or on its way."""
        return self.active or self.on_samples > 0

    def advance(
        self, verdict: Verdict, at_ms: int, *, on_after_ms: int, off_after_ms: int, samples_min: int = 1
    ) -> None:
        """Takes one evaluation at capture time `at_ms`. The same instant again, or an older one, changes nothing."""
        if verdict is Verdict.UNKNOWN:
            self.at_ms = None
            return
        if self.newest_ms is not None and at_ms <= self.newest_ms:
            return
        step_ms = 0 if self.at_ms is None else at_ms - self.at_ms
        self.at_ms = self.newest_ms = at_ms
        if self.active:
            self._towards_off(verdict, step_ms, off_after_ms)
        else:
            self._towards_on(verdict, step_ms, on_after_ms, samples_min)

    def imply(self) -> None:
        """A worse step is active, so this one is too, whatever its own delay has left."""
        if not self.active:
            self.active = True
            self.on_ms = self.on_samples = self.off_ms = self.off_samples = 0

    def _towards_on(self, verdict: Verdict, step_ms: int, on_after_ms: int, samples_min: int) -> None:
        if verdict is Verdict.OFF:
            self.on_ms = self.on_samples = 0
            return
        if verdict is Verdict.HOLD:
            return
        if self.on_samples:
            self.on_ms += step_ms
        self.on_samples += 1
        if self.on_ms >= on_after_ms and self.on_samples >= samples_min:
            self.active = True
            self.on_ms = self.on_samples = self.off_ms = self.off_samples = 0

    def _towards_off(self, verdict: Verdict, step_ms: int, off_after_ms: int) -> None:
        if verdict is not Verdict.OFF:
            self.off_ms = self.off_samples = 0
            return
        if self.off_samples:
            self.off_ms += step_ms
        self.off_samples += 1
        if self.off_ms >= off_after_ms:
            self.active = False
            self.on_ms = self.on_samples = self.off_ms = self.off_samples = 0
