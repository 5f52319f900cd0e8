"""One run of a story held against its truth: counts, places, boxes, vehicles, crossings, zones, alerts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Final

import msgspec
import numpy as np
import numpy.typing as npt

from contract.geometry import FloatGrid, GridFrame, GroundGrid
from contract.homography import inside
from contract.instants import to_ms
from contract.messages import Reading, ZoneState
from contract.site_file import SharedSite
from edge.ground import FOOTPRINT_M
from models.eval import density_bands, scores
from models.eval.density_bands import Band
from models.eval.due import Due, Raised
from models.eval.passage import Passage, countable
from models.eval.recording import Look
from models.eval.story_folder import captured_ms
from models.scenes.truth import FrameTruth, VehicleTruth, WorldTruth

Floats = npt.NDArray[np.float64]

HEIGHTS_PX: Final = (0.0, 12.0, 24.0, 48.0, 96.0, float("inf"))
DISTANCES_M: Final = (0.0, 15.0, 25.0, 35.0, 50.0, float("inf"))
SEEN_WELL: Final = 0.6
"""People less visible than this count neither for nor against a detector. [E]"""
PATCH_CELLS: Final = 3
TOGETHER: Final = 0.10
"""What a sum of cells is off by together, as a share of it, beside what each cell is: the hub's rule for its zones
(hub/zone_crowd.py). Measured: docs/accuracy.md, "What `sigma_people` rests on". [E]"""
GATE_M: Final = 6.0
"""A vehicle track belongs to the true vehicle nearest to it, up to here. [E]"""
SLOWEST_M_S: Final = 10.0 / 3.6
SETTLED_S: Final = 0.5
"""Speed is judged from 10 km/h on, and once a track has been named for so long. [E]"""
ZONE_SHARE: Final = 0.03
LINE_REST_S: Final = 1.5
"""Frames further apart than this show no crossing: nobody could be followed. [E]"""


class Height(msgspec.Struct, frozen=True, kw_only=True):
    """People in one band of box height: `labelled` seen well, `found` of them; `finds` of that height, `right` ones."""

    labelled: int
    found: int
    finds: int
    right: int


class Spread(msgspec.Struct, frozen=True, kw_only=True):
    """How far placed people are from their feet, in one band of distance from the camera."""

    n: int
    median_m: float
    p90_m: float


class VehicleScore(msgspec.Struct, frozen=True, kw_only=True):
    """One vehicle seen by one camera. Relative errors: of speeds from 10 km/h on; None where it never was so fast."""

    id: str
    model: str
    frames_seen: int
    frames_followed: int
    km_h: float
    relative_error: float | None
    absolute_relative_error: float | None
    place_median_m: float | None


class LineScore(msgspec.Struct, frozen=True, kw_only=True):
    """Crossings of people over one line, both ways together and each."""

    line: str
    true_forward: int
    true_backward: int
    forward: int
    backward: int


class ZoneScore(msgspec.Struct, frozen=True, kw_only=True):
    """One zone over its seconds: the hub's people against those who stood on the ground it says it sees.

    `near`: seconds within the larger of 3 % and one person; `stated`: within the interval that the hub states.
    """

    zone: str
    seconds: int
    true_mean: float
    found_mean: float
    near: int
    stated: int


class StoryScore(msgspec.Struct, frozen=True, kw_only=True):
    """All numbers of one story in one way of looking. `hours`: of footage."""

    story: str
    way: str
    hours: float
    frames: int
    total_true: float
    total_found: float
    cells: tuple[Band, ...]
    patches: tuple[Band, ...]
    heights: tuple[Height, ...]
    distances: tuple[Spread | None, ...]
    vehicles: tuple[VehicleScore, ...]
    lines: tuple[LineScore, ...]
    zones: tuple[ZoneScore, ...]
    twice: int
    raised: tuple[Raised, ...]
    due: tuple[Due, ...]


def spread(points_m: Floats, frame: GridFrame) -> FloatGrid:
    """People per cell, each shared by area over a square of half a metre, as the edge shares them."""
    grid = np.zeros(frame.shape)
    low = (points_m - FOOTPRINT_M / 2.0) / frame.cell_m - (frame.column0, frame.row0)
    first = np.floor(low).astype(np.intp)
    over = np.clip((low + FOOTPRINT_M / frame.cell_m - first - 1.0) * frame.cell_m / FOOTPRINT_M, 0.0, 1.0)
    for dx in (0, 1):
        for dy in (0, 1):
            share = (over[:, 0] if dx else 1.0 - over[:, 0]) * (over[:, 1] if dy else 1.0 - over[:, 1])
            column, row = first[:, 0] + dx, first[:, 1] + dy
            here = (column >= 0) & (column < frame.columns) & (row >= 0) & (row < frame.rows)
            np.add.at(grid, (row[here], column[here]), share[here])
    return grid


class Windows:
    """The true people of each frame of one camera, and of each reading's window."""

    def __init__(self, frames: Sequence[FrameTruth]) -> None:
        self.times = np.array([captured_ms(frame) for frame in frames], np.int64)
        self.usable = np.array([frame.picture == "good" for frame in frames])
        self.people = [countable(frame, GroundGrid.from_wire(frame.grid)) for frame in frames]
        self.points = [np.array([(p.x_m, p.y_m) for p in some]).reshape(-1, 2) for some in self.people]

    def of(self, reading: Reading) -> list[int]:
        """The frames in a reading's window."""
        first, last = to_ms(reading.captured_from), to_ms(reading.captured_to)
        return [int(i) for i in np.flatnonzero((self.times >= first) & (self.times < last)) if self.usable[i]]


def grid_scores(run: Passage, windows: Windows) -> tuple[float, float, tuple[Band, ...], tuple[Band, ...]]:
    """Total of true and of found people over all windows, and the errors of cells and of 6 x 6 m patches."""
    cells: list[list[Floats]] = [[], [], []]
    patches: list[list[Floats]] = [[], [], []]
    cell_m = run.ground.frame.cell_m
    for reading in run.readings:
        shown = windows.of(reading) if reading.grid is not None else []
        if reading.grid is None or not shown:
            continue
        grid = GroundGrid.from_wire(reading.grid)
        true = np.mean([spread(windows.points[i], grid.frame) for i in shown], axis=0)
        seen = grid.observed
        for kept, values in zip(cells, (true, grid.people, grid.sigma_people), strict=True):
            kept.append(values[seen])
        whole = _squares(seen.astype(float)) == PATCH_CELLS**2
        sums = (
            _squares(true * seen),
            _squares(grid.people * seen),
            np.sqrt(_squares(grid.sigma_people**2 * seen) + (TOGETHER * _squares(grid.people * seen)) ** 2),
        )
        for kept, values in zip(patches, sums, strict=True):
            kept.append(values[whole])
    t, f, s = (np.concatenate(kept) if kept else np.zeros(0) for kept in cells)
    pt, pf, ps = (np.concatenate(kept) if kept else np.zeros(0) for kept in patches)
    return (
        float(t.sum()),
        float(f.sum()),
        density_bands.banded(t, f, s, cell_m**2),
        density_bands.banded(pt, pf, ps, (PATCH_CELLS * cell_m) ** 2),
    )


def _squares(values: FloatGrid) -> FloatGrid:
    """Sums over every 3 x 3 cells."""
    rows, columns = (side - PATCH_CELLS + 1 for side in values.shape)
    if rows <= 0 or columns <= 0:
        return np.zeros((0, 0))
    total = np.zeros((rows, columns))
    for i in range(PATCH_CELLS):
        for j in range(PATCH_CELLS):
            total += values[i : i + rows, j : j + columns]
    return total


def box_scores(looks: Sequence[Look], frames: Sequence[FrameTruth]) -> tuple[Height, ...]:
    """Recall and precision of people by box height, at an overlap of one half."""
    labelled, found, finds, right = (np.zeros(len(HEIGHTS_PX) - 1, int) for _ in range(4))
    for look, frame in zip(looks, frames, strict=True):
        if frame.picture != "good":
            continue
        boxes = np.array([p.box_xyxy for p in frame.people], np.float32).reshape(-1, 4)
        well = np.array([p.visible >= SEEN_WELL for p in frame.people], bool)
        seen = look.seen.people().boxes_xyxy
        links = _linked(scores.overlaps(seen, boxes), scores.MATCH_OVERLAP)
        hit = {b for _, b in links}
        for i in np.flatnonzero(well).tolist():
            band = _band(float(boxes[i, 3] - boxes[i, 1]), HEIGHTS_PX)
            labelled[band] += 1
            found[band] += i in hit
        of_find = dict(links)
        for i in range(len(seen)):
            band = _band(float(seen[i, 3] - seen[i, 1]), HEIGHTS_PX)
            person = of_find.get(i)
            if person is not None and not well[person]:
                continue
            finds[band] += 1
            right[band] += person is not None
    return tuple(
        Height(labelled=int(a), found=int(b), finds=int(c), right=int(d))
        for a, b, c, d in zip(labelled, found, finds, right, strict=True)
    )


def place_scores(
    run: Passage, looks: Sequence[Look], frames: Sequence[FrameTruth]
) -> tuple[Spread | None, ...]:
    """How far the people that were found are placed from where they stand."""
    eye = np.asarray(run.ground.camera.position_m)
    errors: list[list[float]] = [[] for _ in DISTANCES_M[1:]]
    for look, sighting, frame in zip(looks, run.sightings, frames, strict=True):
        if frame.picture != "good" or not frame.people:
            continue
        boxes = np.array([p.box_xyxy for p in frame.people], np.float32).reshape(-1, 4)
        for find, person in _linked(
            scores.overlaps(look.seen.people().boxes_xyxy, boxes), scores.MATCH_OVERLAP
        ):
            true = np.array((frame.people[person].x_m, frame.people[person].y_m))
            off = float(np.hypot(*(sighting.people_m[find] - true)))
            if np.isfinite(off):
                errors[_band(float(np.hypot(*(true - eye))), DISTANCES_M)].append(off)
    return tuple(
        Spread(n=len(e), median_m=float(np.median(e)), p90_m=float(np.quantile(e, 0.9))) if e else None
        for e in errors
    )


def vehicle_scores(run: Passage, frames: Sequence[FrameTruth]) -> tuple[tuple[VehicleScore, ...], int]:
    """Each vehicle; and how often two tracks of this camera stood for one vehicle."""
    seen: dict[str, int] = defaultdict(int)
    rows: dict[str, list[tuple[float, float, float, float]]] = defaultdict(list)
    models: dict[str, VehicleTruth] = {}
    twice = 0
    for sighting, frame in zip(run.sightings, frames, strict=True):
        for vehicle in frame.vehicles:
            models[vehicle.id] = vehicle
            seen[vehicle.id] += vehicle.visible >= 0.3
        taken: set[str] = set()
        for track in sighting.vehicles:
            if track.captured_at != frame.captured_at or not frame.vehicles:
                continue
            off, nearest = min(
                ((float(np.hypot(v.x_m - track.x_m, v.y_m - track.y_m)), v) for v in frame.vehicles),
                key=lambda pair: pair[0],
            )
            if off > GATE_M:
                continue
            twice += nearest.id in taken
            taken.add(nearest.id)
            rows[nearest.id].append((nearest.speed_m_s, track.speed_m_s, track.age_s, off))
    found = []
    for id_, model in sorted(models.items()):
        table = np.array(rows[id_]).reshape(-1, 4)
        fast = table[(table[:, 0] >= SLOWEST_M_S - 0.05) & (table[:, 2] >= SETTLED_S)]
        relative = fast[:, 1] / np.maximum(fast[:, 0], 0.1) - 1.0
        found.append(
            VehicleScore(
                id=id_,
                model=model.model,
                frames_seen=int(seen[id_]),
                frames_followed=len(table),
                km_h=round(float(np.median(fast[:, 0])) * 3.6, 1) if len(fast) else 0.0,
                relative_error=float(np.median(relative)) if len(fast) else None,
                absolute_relative_error=float(np.median(np.abs(relative))) if len(fast) else None,
                place_median_m=float(np.median(table[:, 3])) if len(table) else None,
            )
        )
    return tuple(found), twice


def line_scores(
    site: SharedSite, world: Sequence[WorldTruth], readings: Sequence[Reading], camera: str
) -> tuple[LineScore, ...]:
    """People over each counting line of a camera: as told, and as the world has it between its instants."""
    found = []
    for line in site.camera(camera).lines:
        start, end = np.asarray(line.start), np.asarray(line.end)
        along = end - start
        true = [0, 0]
        for before, after in pairwise(world):
            if not 0.0 < after.t_s - before.t_s <= LINE_REST_S:
                continue
            was = {one.id: np.array((one.x_m, one.y_m)) for one in before.people}
            for one in after.people:
                if one.id not in was:
                    continue
                a, b = was[one.id], np.array((one.x_m, one.y_m))
                side_a, side_b = (
                    float(along[0] * (p[1] - start[1]) - along[1] * (p[0] - start[0])) for p in (a, b)
                )
                if side_a * side_b < 0.0 and _between(a, b, start, end):
                    true[0 if side_a > 0 else 1] += 1
        told = [
            c for reading in readings for c in reading.crossings if c.line == line.id and c.kind == "person"
        ]
        found.append(
            LineScore(
                line=line.id,
                true_forward=true[0],
                true_backward=true[1],
                forward=sum(c.forward for c in told),
                backward=sum(c.backward for c in told),
            )
        )
    return tuple(found)


def _between(a: Floats, b: Floats, start: Floats, end: Floats) -> bool:
    way = b - a
    sides = [float(way[0] * (p[1] - a[1]) - way[1] * (p[0] - a[0])) for p in (start, end)]
    return sides[0] * sides[1] <= 0.0


def zone_scores(
    polygons: dict[str, Any], runs: Sequence[Passage], windows: Sequence[Windows], states: Sequence[ZoneState]
) -> tuple[ZoneScore, ...]:
    """The hub's zones against the people who stood on the ground that the cameras say they see, each counted once."""
    told: dict[tuple[str, int], ZoneState] = {}
    for state in states:
        if state.people is not None and state.captured_to is not None:
            told.setdefault((state.zone, to_ms(state.captured_to)), state)
    true: dict[int, tuple[Floats, FloatGrid]] = {}
    ends = [{to_ms(r.captured_to): r for r in run.readings if r.grid is not None} for run in runs]
    for end in sorted(set.intersection(*(set(one) for one in ends)) if ends else ()):
        once: dict[int, tuple[float, float, float]] = {}
        grids = []
        for camera, run_ends in enumerate(ends):
            shown = windows[camera].of(run_ends[end])
            for i in shown:
                for person in windows[camera].people[i]:
                    x, y, n = once.get(person.id, (0.0, 0.0, 0.0))
                    once[person.id] = (x + person.x_m, y + person.y_m, n + 1.0)
            wire = run_ends[end].grid
            if shown and wire is not None:
                grids.append(GroundGrid.from_wire(wire))
        if len(grids) == len(runs):
            points = np.array([(x / n, y / n) for x, y, n in once.values()]).reshape(-1, 2)
            true[end] = (points, _share_seen(points, grids))
    found = []
    for zone, polygon in polygons.items():
        rows = []
        for end, (points, shares) in true.items():
            now = told.get((zone, end))
            if now is None or now.people is None or now.people_low is None or now.people_high is None:
                continue
            within = _footprint_inside(points, polygon)
            rows.append((float((within * shares).sum()), now.people, now.people_low, now.people_high))
        if rows:
            t, f, low, high = np.array(rows).T
            found.append(
                ZoneScore(
                    zone=zone,
                    seconds=len(rows),
                    true_mean=float(t.mean()),
                    found_mean=float(f.mean()),
                    near=int((np.abs(f - t) <= np.maximum(ZONE_SHARE * t, 1.0)).sum()),
                    stated=int(((t >= low - 0.5) & (t <= high + 0.5)).sum()),
                )
            )
    return tuple(found)


_OFFSETS: Final = (
    np.stack(np.meshgrid((-1.0, 0.0, 1.0), (-1.0, 0.0, 1.0)), axis=-1).reshape(-1, 2) * FOOTPRINT_M / 3.0
)


def _share_seen(points: Floats, grids: Sequence[GroundGrid]) -> Floats:
    """Share of each person's footprint that lies on a cell some camera observes."""
    if not points.size:
        return np.zeros(0)
    at = (points[:, None] + _OFFSETS).reshape(-1, 2)
    seen = np.zeros(len(at), bool)
    for grid in grids:
        column = np.floor(at[:, 0] / grid.frame.cell_m).astype(int) - grid.frame.column0
        row = np.floor(at[:, 1] / grid.frame.cell_m).astype(int) - grid.frame.row0
        here = (column >= 0) & (column < grid.frame.columns) & (row >= 0) & (row < grid.frame.rows)
        seen[here] |= grid.observed[row[here], column[here]]
    return np.asarray(seen.reshape(len(points), -1).mean(axis=1))


def _footprint_inside(points: Floats, polygon: Any) -> Floats:
    """Share of each person's footprint that lies in a polygon."""
    if not points.size:
        return np.zeros(0)
    at = (points[:, None] + _OFFSETS).reshape(-1, 2)
    return np.asarray(inside(polygon, at).reshape(len(points), -1).mean(axis=1))


def _linked(overlap: npt.NDArray[np.float32], least: float) -> list[tuple[int, int]]:
    """(find, person) pairs, best overlap first."""
    rows, columns = np.nonzero(overlap >= least)
    used_f: set[int] = set()
    used_p: set[int] = set()
    links = []
    for n in np.argsort(-overlap[rows, columns], kind="stable"):
        f, p = int(rows[n]), int(columns[n])
        if f not in used_f and p not in used_p:
            used_f.add(f)
            used_p.add(p)
            links.append((f, p))
    return links


def _band(value: float, edges: tuple[float, ...]) -> int:
    return min(len(edges) - 2, max(0, int(np.searchsorted(edges, value, side="right")) - 1))
