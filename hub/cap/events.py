"""Which of our rules make an event that may be told outside, and how CAP calls it. [E] throughout."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from hub.cap.message import Category, ResponseType


@dataclass(frozen=True, slots=True)
class Event:
    """`forecast`: expected, not measured. `extreme`: crowd hazard H 4, whatever the alert's own severity says."""

    categories: tuple[Category, ...]
    responses: tuple[ResponseType, ...]
    forecast: bool = False
    extreme: bool = False


_CROWD: Final[tuple[Category, ...]] = ("Safety",)
_VEHICLE: Final[tuple[Category, ...]] = ("Security", "Transport")

EVENTS: Final[dict[str, Event]] = {
    "density.caution": Event(_CROWD, ("Monitor",)),
    "density.warning": Event(_CROWD, ("Prepare", "Avoid")),
    "density.critical": Event(_CROWD, ("Avoid", "Execute")),
    "density.extreme": Event(_CROWD, ("Evacuate", "Avoid"), extreme=True),
    "time.to.critical": Event(_CROWD, ("Prepare", "Avoid"), forecast=True),
    "occupancy": Event(_CROWD, ("Monitor", "Avoid")),
    "area.entered": Event(("Security",), ("Assess",)),
    "vehicle.unauthorised": Event(_VEHICLE, ("Assess",)),
    "vehicle.in_crowd": Event(_VEHICLE, ("Avoid", "Execute")),
    "vehicle.stopped": Event(_VEHICLE, ("Assess",)),
}

# What stays in the house, and why.
KEPT_IN: Final[dict[str, str]] = {
    "sensor.silent": "it is about our own cameras, not about people or vehicles",
    "zone.risk": "it rests on the scores of the vulnerability assessment, which do not leave the hub",
}


class NotForOutside(ValueError):
    """An alert that is not told outside; the message says why."""


def event_of(rule: str) -> Event:
    """Raises NotForOutside."""
    found = EVENTS.get(rule)
    if found is None:
        why = KEPT_IN.get(rule, "no event of CAP stands for it yet (hub/cap/events.py)")
        raise NotForOutside(f"alerts of rule {rule} are not released: {why}")
    return found
