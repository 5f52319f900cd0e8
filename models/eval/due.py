"""Which alerts the truth of a story deserves, from what the world did: independent of what the hub made of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
import yaml

from contract.homography import inside
from contract.instants import to_ms
from contract.messages import Alert
from models.scenes.truth import FrameTruth, WorldTruth

DENSITY_PER_M2: Final = {
    "density.caution": 2.0,
    "density.warning": 3.5,
    "density.critical": 4.7,
    "density.extreme": 6.0,
}
NEAR_ENOUGH: Final = 0.9
"""A density alert is false when the truth stayed under this share of its threshold. [E]"""
LOOK_BACK_S: Final = 60.0
"""What an alert says must have been so at some time in the minute before it; rules wait so long. [E]"""
HORIZON_S: Final = 900.0
"""A forecast is right when what it says comes within this time. [E]"""
CROWD_PER_M2: Final = 2.0
PATCH_M: Final = 6.0
MOVING_M_S: Final = 0.3
STOPPED_S: Final = 180.0
"""A vehicle that stands in a closed area is due to be told after so long (the hub's rule)."""
MOTOR: Final = frozenset({"car", "truck", "bus", "motorcycle"})
OCCUPANCY_PER_M2: Final = 1.6
"""Four fifths of two people to the square metre, the hub's default for a full zone."""


class Raised(msgspec.Struct, frozen=True, kw_only=True):
    """One alert at one step. `onset_s`: since when it was due; None for a false one."""

    rule: str
    zone: str | None
    severity: str
    at_s: float
    onset_s: float | None


class Due(msgspec.Struct, frozen=True, kw_only=True):
    """A rule that the truth calls for, from when on."""

    rule: str
    onset_s: float


@dataclass(frozen=True, slots=True)
class Truths:
    """When each rule's condition held: rule to sorted seconds of the story; and the exact onsets."""

    held_s: dict[str, tuple[float, ...]]
    nearly_s: dict[str, tuple[float, ...]]

    def onset_s(self, rule: str) -> float | None:
        held = self.held_s.get(rule, ())
        return held[0] if held else None


def truths(world: Sequence[WorldTruth], frames: Sequence[FrameTruth], site_file: Path) -> Truths:
    """What held when, from every instant of the world and what happened to the cameras."""
    site = yaml.safe_load(site_file.read_text(encoding="utf-8"))
    closed = _closed(site)
    kept_out = [one["polygon"] for one in site.get("areas", ()) if "person" in one.get("closed_to", ())]
    areas = [one["polygon"] for one in site.get("areas", ()) if "vehicle" in one.get("closed_to", ())]
    stood_from: dict[str, float] = {}
    held: dict[str, list[float]] = {}
    nearly: dict[str, list[float]] = {}
    for instant in world:
        hottest = 0.0 if instant.hot_spot is None else instant.hot_spot.per_m2
        for rule, per_m2 in DENSITY_PER_M2.items():
            if hottest >= per_m2:
                held.setdefault(rule, []).append(instant.t_s)
            if hottest >= NEAR_ENOUGH * per_m2:
                nearly.setdefault(rule, []).append(instant.t_s)
        people = np.array([(one.x_m, one.y_m) for one in instant.people]).reshape(-1, 2)
        for vehicle in instant.vehicles:
            at = np.array([(vehicle.x_m, vehicle.y_m)])
            if vehicle.permitted or vehicle.kind not in MOTOR or not any(inside(p, at)[0] for p in closed):
                continue
            held.setdefault("vehicle.unauthorised", []).append(instant.t_s)
            if vehicle.speed_m_s >= MOVING_M_S or not any(inside(p, at)[0] for p in areas):
                stood_from.pop(vehicle.id, None)
            elif instant.t_s - stood_from.setdefault(vehicle.id, instant.t_s) >= STOPPED_S:
                held.setdefault("vehicle.stopped", []).append(instant.t_s)
            if _fullest_around(people, at[0]) >= CROWD_PER_M2:
                held.setdefault("vehicle.in_crowd", []).append(instant.t_s)
        if people.size and any(inside(polygon, people).any() for polygon in kept_out):
            held.setdefault("area.entered", []).append(instant.t_s)
        if max(instant.zones_per_m2.values(), default=0.0) >= OCCUPANCY_PER_M2:
            held.setdefault("occupancy", []).append(instant.t_s)
    blind = sorted(frame.t_s for frame in frames if frame.picture != "good")
    if blind:
        held["sensor.silent"] = blind
    return Truths(
        {rule: tuple(times) for rule, times in held.items()}, {r: tuple(t) for r, t in nearly.items()}
    )


def raised(changes: Sequence[Alert], known: Truths, start_ms: int) -> tuple[Raised, ...]:
    """Every alert at every step it took, once, with whether the truth called for it."""
    found: list[Raised] = []
    seen: set[tuple[str, str, str]] = set()
    for alert in changes:
        step = (alert.alert, alert.rule, alert.severity)
        if alert.condition != "active" or step in seen:
            continue
        seen.add(step)
        at_s = (to_ms(alert.changed_at) - start_ms) / 1000.0
        found.append(
            Raised(
                rule=alert.rule,
                zone=alert.zone,
                severity=alert.severity,
                at_s=round(at_s, 1),
                onset_s=_since(alert.rule, at_s, known),
            )
        )
    return tuple(found)


def due(known: Truths) -> tuple[Due, ...]:
    """What the truth calls for; a forecast is called for where the critical density comes."""
    rules = [Due(rule=rule, onset_s=times[0]) for rule, times in sorted(known.held_s.items()) if times]
    critical = known.onset_s("density.critical")
    return (*rules, *(() if critical is None else (Due(rule="time.to.critical", onset_s=critical),)))


def _since(rule: str, at_s: float, known: Truths) -> float | None:
    if rule == "time.to.critical":
        critical = known.onset_s("density.critical")
        return critical if critical is not None and critical - HORIZON_S <= at_s else None
    # What nearly holds makes an alert no false one; what truly held is the onset, where there is one.
    times = known.nearly_s.get(rule, known.held_s.get(rule, ()))
    recent = [t for t in times if at_s - LOOK_BACK_S <= t <= at_s + 1.0]
    if not recent:
        return None
    exact = known.onset_s(rule)
    return exact if exact is not None else recent[0]


def _closed(site: Any) -> list[Any]:
    """Polygons no vehicle may enter without a permit: pedestrian zones, areas closed to vehicles."""
    zones = [one["polygon"] for one in site.get("zones", ()) if one.get("pedestrian")]
    return zones + [one["polygon"] for one in site.get("areas", ()) if "vehicle" in one.get("closed_to", ())]


def _fullest_around(people: np.ndarray[Any, np.dtype[np.float64]], at: np.ndarray[Any, Any]) -> float:
    """People per square metre of the fullest 6 x 6 m that hold the point."""
    if not people.size:
        return 0.0
    shifts = (-2.0, 0.0, 2.0)
    most = 0
    for dx in shifts:
        for dy in shifts:
            most = max(most, int((np.abs(people - at - (dx, dy)) <= PATCH_M / 2.0).all(axis=1).sum()))
    return most / PATCH_M**2
