"""When an alert that nobody acknowledges goes on to the next role. Pure: hub.alert_book counts by it.

A ladder per severity: steps with the time since the alert began to wait for somebody, and who is told.
`Alert.escalation` is the number of the step that was reached; past the last one the counter goes on and the last
step is told again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from contract.messages import Severity

REPEAT_MIN_MS = 60_000  # [E] what calls more often is switched off


@dataclass(frozen=True, slots=True)
class Step:
    """`after_ms` since the alert became unacknowledged. `to`: recipients as hub.notify.routing writes them.

    `via`: only by these channels; empty is every way the person can be reached.
    """

    after_ms: int
    to: tuple[str, ...] = ()
    via: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Ladder:
    """Steps in order of time. `repeat_ms` None: the last step is told once."""

    steps: tuple[Step, ...] = ()
    repeat_ms: int | None = None

    def __post_init__(self) -> None:
        waits = [step.after_ms for step in self.steps]
        if any(one <= 0 for one in waits) or sorted(set(waits)) != waits:
            raise ValueError("after_s must be more than 0 and grow from step to step")
        if self.repeat_ms is not None and self.repeat_ms < REPEAT_MIN_MS:
            raise ValueError(f"the last step can repeat every {REPEAT_MIN_MS // 1000} s at the most often")

    def due_after_ms(self, escalation: int) -> int | None:
        """How long after it became unacknowledged the step after `escalation` is due. None: no more."""
        if escalation < len(self.steps):
            return self.steps[escalation].after_ms
        if not self.steps or self.repeat_ms is None:
            return None
        return self.steps[-1].after_ms + self.repeat_ms * (escalation - len(self.steps) + 1)

    def step(self, escalation: int) -> Step | None:
        """The step that the counter stands for, 1 for the first; the last one for what lies beyond it."""
        if not self.steps or escalation < 1:
            return None
        return self.steps[min(escalation, len(self.steps)) - 1]


def _even(wait_ms: int, times: int) -> Ladder:
    return Ladder(tuple(Step(wait_ms * n) for n in range(1, times + 1)))


# [E] Without a policy of the town's own: the counter alone rises, and calls nobody. A low alert calls nobody.
DEFAULT_LADDERS: Final[Mapping[Severity, Ladder]] = {
    "low": Ladder(),
    "medium": _even(600_000, 3),
    "high": _even(120_000, 3),
}


@dataclass(frozen=True, slots=True)
class Escalation:
    """The town's ladders; a severity that has none of its own keeps the default."""

    ladders: Mapping[Severity, Ladder] = field(default_factory=lambda: DEFAULT_LADDERS)

    def ladder(self, severity: Severity) -> Ladder:
        return self.ladders.get(severity, DEFAULT_LADDERS[severity])
