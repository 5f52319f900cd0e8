"""The invented plaza of tests/data, and readings of it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from contract.geometry import GridFrame, GroundGrid
from contract.instants import from_ms, to_ms
from contract.intake import Observation, observation
from contract.messages import CameraHealth, Crossing, Reading, VehicleTrack
from hub.assessment import Assessment, read_assessment
from hub.monitor import Monitor, Step, Transition
from hub.site import Site, read_site

DATA = Path(__file__).parent / "data"
START_MS = to_ms("2026-06-20T18:00:00.000Z")  # 21:00 in Bucharest: no delivery window
AGENTS = {"west": "box-1", "east": "box-2", "lane-cam": "box-2"}
SQUARE = GridFrame(2.0, 0, 0, 30, 20)
LANE = GridFrame(2.0, 0, -10, 30, 5)


def site() -> Site:
    return read_site(DATA / "plaza_site.yaml")


def assessment() -> Assessment:
    return read_assessment(DATA / "plaza_assessment.yaml", site())


def monitor(**over: Any) -> Monitor:
    given: dict[str, Any] = {"site": site(), "assessment": None, "run": "test"}
    return Monitor(**{**given, **over})


def crowd(density_per_m2: float, at_m: tuple[float, float] = (11.0, 11.0), side_m: float = 6.0) -> np.ndarray:
    """People per cell of the square: a square of `side_m` round a cell's middle, empty elsewhere."""
    x, y = SQUARE.centres_m()
    inside = (abs(x - at_m[0]) < side_m / 2) & (abs(y - at_m[1]) < side_m / 2)
    return np.where(inside, density_per_m2 * 4.0, 0.0)


def reading(
    camera: str,
    at_ms: int,
    people: np.ndarray | float | None = 0.0,
    *,
    seq: int = 0,
    sigma: float = 0.5,
    observed: np.ndarray | None = None,
    vehicles: Iterable[VehicleTrack] = (),
    crossings: Iterable[Crossing] = (),
    period_s: float = 1.0,
    boot: str = "b1",
) -> Observation:
    """A reading that ends at `at_ms`; `people` None leaves the grid out."""
    frame = LANE if camera == "lane-cam" else SQUARE
    grid = None
    if people is not None:
        cells = np.full(frame.shape, float(people)) if np.isscalar(people) else np.asarray(people)
        seen = np.ones(frame.shape, dtype=bool) if observed is None else observed
        grid = GroundGrid(frame, cells, np.full(frame.shape, sigma), np.ones(frame.shape, dtype=bool), seen)
    return observation(
        Reading(
            schema=1,
            site="plaza",
            agent=AGENTS[camera],
            camera=camera,
            boot=boot,
            seq=seq,
            oldest_seq=0,
            period_s=period_s,
            captured_from=from_ms(at_ms - round(period_s * 1000)),
            captured_to=from_ms(at_ms),
            sent_at=from_ms(at_ms),
            clock="media",
            frames_used=10,
            frames_dropped=0,
            model=None,
            calibration=None,
            grid=None if grid is None else grid.to_wire(),
            people_outside_grid=0.0,
            vehicles=tuple(vehicles),
            crossings=tuple(crossings),
        )
    )


def track(
    at_ms: int,
    x_m: float,
    y_m: float,
    *,
    track: str = "v1",
    kind: str = "car",
    speed: float = 0.0,
    heading: float = 90.0,
) -> VehicleTrack:
    return VehicleTrack(
        id=track, kind=kind, x_m=x_m, y_m=y_m, speed_m_s=speed, speed_sigma_m_s=0.3, heading_deg=heading,
        age_s=1.0, confidence=0.9, captured_at=from_ms(at_ms),
    )  # type: ignore[arg-type]  # fmt: skip


def health(camera: str, at_ms: int, picture: str = "good", *, boot: str = "b1") -> CameraHealth:
    return CameraHealth(
        schema=1, site="plaza", agent=AGENTS[camera], camera=camera, boot=boot, sent_at=from_ms(at_ms),
        picture=picture, since=from_ms(at_ms), problem=None, frames_per_s=10.0, frames_used=10, frames_dropped=0,
        clock="rtcp", clock_offset_s=0.01, last_frame_at=from_ms(at_ms), outbox_depth=0,
    )  # type: ignore[arg-type]  # fmt: skip


def quiet(at_ms: int, *, but: tuple[str, ...] = ()) -> list[Observation]:
    """Every camera sees everything and nobody; cameras in `but` are left out."""
    return [reading(camera, at_ms) for camera in AGENTS if camera not in but]


def second(m: Monitor, at_ms: int, *observations: Observation) -> Step:
    """One instant: readings in, one step. Cameras that are not among them see everything and nobody."""
    said = {one.reading.camera for one in observations}
    for one in [*observations, *quiet(at_ms, but=tuple(said))]:
        m.observe(one, received_ms=at_ms)
    return m.step(at_ms)


def zone(step: Step, zone: str) -> Any:
    return next(one for one in step.zones if one.zone == zone)


def alerts(step: Step, rule: str | None = None) -> list[Any]:
    return [one for one in step.alerts if rule is None or one.rule == rule]


def events(transitions: Iterable[Transition]) -> list[tuple[str, str, str]]:
    return [(t.event, t.alert.rule, t.alert.severity) for t in transitions]
