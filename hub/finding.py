"""What the conditions say about one family of rules and one subject at one instant."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from contract.messages import Reason, Severity
from contract.phrase import Phrase
from hub.assessment import Threat
from hub.delays import Verdict
from hub.rules import Family


class Finding(Struct, frozen=True):
    """`verdicts`: one for each step of the family, mildest first, at capture time `at_ms`.

    `explain(step)` gives the reasons with the numbers of now against that step's threshold (step counts from 1).
    `caveats`: what limits the numbers now, for an alert that goes out of sight.
    `on_after_ms` and `severity` override the table for every step where the condition itself decides them.
    """

    family: Family
    subject: str
    name: str
    zone: str | None
    at_ms: int
    verdicts: tuple[Verdict, ...]
    explain: Callable[[int], tuple[Reason, ...]]
    certainty: Callable[[], Phrase]
    position_m: tuple[float, float] | None = None
    cameras: tuple[str, ...] = ()
    on_after_ms: int | None = None
    severity: Severity | None = None
    threats: tuple[Threat, ...] = ()
    caveats: Callable[[], tuple[Reason, ...]] = lambda: ()

    @property
    def unknown(self) -> bool:
        """Nothing can be said: no step is on, and at least one cannot be judged."""
        return Verdict.UNKNOWN in self.verdicts and Verdict.ON not in self.verdicts

    @property
    def on(self) -> bool:
        return Verdict.ON in self.verdicts
