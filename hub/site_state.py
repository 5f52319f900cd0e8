"""What the cameras last said, and what the ground looks like from it now.

A camera that is silent, or whose picture is bad, sees nothing: its cells become unobserved at once, never zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import msgspec
import numpy as np
from msgspec import Struct

from contract.geometry import BoolGrid, FloatGrid, GridFrame, GroundGrid
from contract.instants import to_ms
from contract.intake import Observation
from contract.messages import AgentStatus, CameraHealth, Reading, VehicleTrack
from contract.site_file import Camera
from hub.crowd import PatchRoom, patch_densities_per_m2, patch_room
from hub.ground import Ground
from hub.merge import Box, Fused, Sheet, merge
from hub.site import Site
from hub.step import CameraCondition
from hub.vehicles import Sighting, Vehicle, associate

SILENT_AFTER_MIN_MS = 3_000
SILENT_AFTER_PERIODS = 3
GOOD_READINGS = 3  # a camera that was silent is believed steady after so many
BOOTS_KNOWN = 8  # [E] of one camera: what an earlier boot left behind comes within minutes
TRACK_AGE_MAX_MS = 60_000  # [E] no track is older than that in a reading, whatever it says


class _Laid(Struct, frozen=True, eq=False):
    """Where a camera's grid of this frame lies on the site's; `box` None when outside. `part`: None is all of it."""

    frame: GridFrame
    box: Box | None
    part: tuple[slice, slice] | None
    weight: FloatGrid | None


@dataclass(slots=True)
class CameraMemory:
    """The last of everything one camera sent. Times in Unix milliseconds; `heard_ms` drives silence."""

    camera: Camera
    calibration: str
    reading: Reading | None = None
    captured_ms: int | None = None
    heard_ms: int | None = None
    period_ms: int = 1_000
    vehicles: tuple[VehicleTrack, ...] = ()
    sheet: Sheet | None = None
    grid_ms: int | None = None
    grids: int = 0
    grid_heard_ms: int | None = None
    places_m2: FloatGrid | None = None
    laid: _Laid | None = None
    covered: BoolGrid | None = None
    covered_cells: int = 0
    observed_cells: int = 0
    zones: tuple[str, ...] = ()  # those it last saw anything of, most ground first
    good_readings: int = 0
    boots: tuple[str, ...] = ()  # of the readings taken in, oldest first
    health: CameraHealth | None = None
    clock_offset_s: float | None = None
    clock_corrected: bool = False

    @property
    def silent_after_ms(self) -> int:
        return max(SILENT_AFTER_MIN_MS, SILENT_AFTER_PERIODS * self.period_ms)

    @property
    def picture_bad(self) -> bool:
        """Whether the agent that now sends calls its picture bad. What an earlier boot said no longer counts."""
        if self.health is None or self.health.picture == "good":
            return False
        return self.reading is None or self.reading.boot == self.health.boot


class PlaceView(Struct, frozen=True):
    """What is known of one zone or area now. `captured_ms`: newest grid; `watched_ms`: newest reading of any kind."""

    seen_m2: float
    captured_ms: int | None
    watched_ms: int | None
    cameras: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SiteView:
    """The ground at `now_ms`. `places` holds zones, then areas. `version` changes when the fused grid may have."""

    now_ms: int
    version: int
    conditions: dict[str, CameraCondition]
    fused: Fused
    patches_per_m2: FloatGrid
    places: tuple[PlaceView, ...]
    vehicles: tuple[Vehicle, ...]
    captured_ms: int | None


@dataclass(slots=True)
class SiteState:
    """Takes readings, health and status in; gives a SiteView out. Keeps no judgement."""

    site: Site
    ground: Ground
    cameras: dict[str, CameraMemory] = field(init=False)
    agents: dict[str, AgentStatus] = field(default_factory=dict)
    started_ms: int | None = None
    _fused: Fused | None = None
    _patches: FloatGrid | None = None
    _seen_m2: FloatGrid | None = None
    _patch_room: PatchRoom | None = None
    _key: tuple[tuple[str, int], ...] | None = None
    _version: int = 0
    _seeing: list[list[CameraMemory]] = field(default_factory=list)
    _seeing_key: tuple[list[str], int] | None = None
    _grounds: int = 0  # how often what some camera sees of places has changed

    def __post_init__(self) -> None:
        self.cameras = {camera.id: CameraMemory(camera, camera.calibration) for camera in self.site.cameras}

    def apply(self, observation: Observation, received_ms: int, *, recalled: bool = False) -> bool:
        """Takes a reading in, unless it is older than what this camera has already said; says whether it did.

        A recalled reading was counted among the good ones when it came.
        """
        reading = observation.reading
        memory = self.cameras.get(reading.camera)
        if memory is None or reading.agent != memory.camera.agent:
            return False
        captured_ms = observation.captured_to_ms
        before = memory.reading
        if before is not None and captured_ms == memory.captured_ms and _is_same(reading, before):
            return False  # again, after a round that could not be stored
        # What was kept over a restart is newer than the first readings recalled.
        newest_ms = None if recalled and before is None else memory.captured_ms
        if (
            newest_ms is not None
            and captured_ms < newest_ms
            and not self._starts_anew(memory, reading, received_ms - captured_ms)
        ):
            return False
        if reading.boot not in memory.boots:
            memory.boots = (*memory.boots, reading.boot)[-BOOTS_KNOWN:]
        heard_ms = min(captured_ms, received_ms)
        memory.reading = reading
        memory.captured_ms = captured_ms
        memory.heard_ms = heard_ms
        memory.period_ms = round(reading.period_s * 1000)
        memory.vehicles = reading.vehicles
        ground = observation.ground
        if ground is not None and ground.frame.cell_m == self.ground.frame.cell_m:
            memory.grid_ms, memory.grid_heard_ms = captured_ms, heard_ms
            memory.grids += 1
            if ground.covered is not memory.covered:
                memory.covered, memory.covered_cells = ground.covered, int(np.count_nonzero(ground.covered))
            self._note_ground(memory, self._sheet(memory, ground))
        if not memory.picture_bad and not recalled:
            memory.good_readings = min(memory.good_readings + 1, GOOD_READINGS)
        return True

    def _starts_anew(self, memory: CameraMemory, reading: Reading, age_ms: int) -> bool:
        """Whether a boot never heard before speaks live: its clock may be seconds behind that of the boot before."""
        period_ms = round(reading.period_s * 1000)
        live = age_ms <= max(SILENT_AFTER_MIN_MS, SILENT_AFTER_PERIODS * period_ms)
        return live and reading.boot not in memory.boots

    def apply_health(self, health: CameraHealth) -> bool:
        """Takes health in, unless the same boot has said something newer. Boots come in order: see hub.last_words."""
        memory = self.cameras.get(health.camera)
        if memory is None or health.agent != memory.camera.agent:
            return False
        old = memory.health
        if old is not None and old.boot == health.boot and to_ms(old.sent_at) > to_ms(health.sent_at):
            return False
        memory.health = health
        return True

    def apply_status(self, status: AgentStatus) -> None:
        self.agents[status.agent] = status

    def condition(self, camera: str, now_ms: int) -> CameraCondition:
        """Silence counts from when a reading was captured or received, whichever is earlier."""
        memory = self.cameras[camera]
        if memory.heard_ms is None:
            return "bad_picture" if memory.picture_bad else "never"
        if now_ms - memory.heard_ms > memory.silent_after_ms:
            status = self.agents.get(memory.camera.agent)
            return "stopped" if status is not None and status.state == "stopped" else "silent"
        return "bad_picture" if memory.picture_bad else "live"

    @property
    def longest_silence_ms(self) -> int:
        """The longest pause that any camera's readings may have while it is live."""
        return max(memory.silent_after_ms for memory in self.cameras.values())

    def silent_for_ms(self, camera: str, now_ms: int) -> int:
        """How long the camera has been silent beyond its limit; below zero while it is not."""
        memory = self.cameras[camera]
        since = memory.heard_ms if memory.heard_ms is not None else self.started_ms
        return now_ms - (now_ms if since is None else since) - memory.silent_after_ms

    def view(self, now_ms: int) -> SiteView:
        """The ground now. Cells of cameras that are not live are unobserved."""
        if self.started_ms is None:
            self.started_ms = now_ms
        conditions = {camera: self.condition(camera, now_ms) for camera in self.cameras}
        live = [m for c, m in self.cameras.items() if conditions[c] == "live"]
        fresh = [m for m in live if self._grid_fresh(m, now_ms)]
        fused, patches, seen_m2 = self._fuse(fresh)
        places = tuple(map(_place_view, seen_m2.tolist(), self._seeing_of(fresh)))
        return SiteView(
            now_ms=now_ms,
            version=self._version,
            conditions=conditions,
            fused=fused,
            patches_per_m2=patches,
            places=places,
            vehicles=associate([s for memory in live if memory.vehicles for s in self._sightings(memory)]),
            captured_ms=max((m.grid_ms for m in fresh if m.grid_ms is not None), default=None),
        )

    def weight_at(self, camera: str, x_m: float, y_m: float) -> float:
        """The camera's geometry weight at a point; the least it has anywhere, outside the grid."""
        weights = self.ground.weights[camera]
        at = self.ground.frame.cell_of(x_m, y_m)
        return float(weights.min() if at is None else weights[at])

    def _grid_fresh(self, memory: CameraMemory, now_ms: int) -> bool:
        return memory.grid_heard_ms is not None and now_ms - memory.grid_heard_ms <= memory.silent_after_ms

    def _sheet(self, memory: CameraMemory, grid: GroundGrid) -> Sheet | None:
        """The camera's grid on the site's frame; what lies outside the site is left out. None when all does."""
        laid = memory.laid
        if laid is None or (laid.frame is not grid.frame and laid.frame != grid.frame):
            laid = memory.laid = self._lay(memory.camera.id, grid.frame)
        if laid.box is None or laid.weight is None:
            return None
        people, sigma, observed = grid.people, grid.sigma_people, grid.observed
        if laid.part is not None:
            people, sigma, observed = people[laid.part], sigma[laid.part], observed[laid.part]
        return Sheet(memory.camera.id, laid.box, people, sigma, observed, laid.weight)

    def _lay(self, camera: str, grid: GridFrame) -> _Laid:
        frame = self.ground.frame
        row, column = grid.row0 - frame.row0, grid.column0 - frame.column0
        whole = Box(row, row + grid.rows, column, column + grid.columns)
        box = Box(
            max(0, whole.row0),
            min(frame.rows, whole.row1),
            max(0, whole.column0),
            min(frame.columns, whole.column1),
        )
        if box.row0 >= box.row1 or box.column0 >= box.column1:
            return _Laid(grid, None, None, None)
        part = None if box == whole else box.within(whole)
        return _Laid(grid, box, part, self.ground.weights[camera][box.slices])

    def _note_ground(self, memory: CameraMemory, sheet: Sheet | None) -> None:
        """What of each place the camera sees; worked out anew only when that has changed."""
        old = memory.sheet
        memory.sheet = sheet
        if sheet is None:
            memory.places_m2, memory.observed_cells, memory.zones = None, 0, ()
            self._grounds += 1
            return
        if (
            old is not None
            and old.box == sheet.box
            and memory.places_m2 is not None
            and (old.observed is sheet.observed or np.array_equal(old.observed, sheet.observed))
        ):
            return
        self._grounds += 1
        memory.places_m2 = self._places_m2(sheet)
        memory.observed_cells = int(np.count_nonzero(sheet.observed))
        memory.zones = self._zones_of(memory.places_m2)

    def zones_seen(self, observation: Observation) -> tuple[str, ...]:
        """The zones of which this reading saw any ground, most ground first; takes nothing in."""
        ground = observation.ground
        if ground is None or ground.frame.cell_m != self.ground.frame.cell_m:
            return ()
        sheet = self._sheet(self.cameras[observation.reading.camera], ground)
        return () if sheet is None else self._zones_of(self._places_m2(sheet))

    def _places_m2(self, sheet: Sheet) -> FloatGrid:
        """Square metres of each place that the sheet observes."""
        frame, places = self.ground.frame, self.ground.place_m2
        here = places.reshape(len(places), frame.rows, frame.columns)[:, *sheet.box.slices]
        return np.asarray(here[:, sheet.observed].sum(axis=1))

    def _zones_of(self, places_m2: FloatGrid) -> tuple[str, ...]:
        seen = [
            (m2, place.id) for m2, place in zip(places_m2.tolist(), self.ground.zones, strict=False) if m2 > 0
        ]
        return tuple(zone for m2, zone in sorted(seen, key=lambda one: (-one[0], one[1])))

    def _fuse(self, fresh: list[CameraMemory]) -> tuple[Fused, FloatGrid, FloatGrid]:
        key = tuple((memory.camera.id, memory.grids) for memory in fresh)
        if key != self._key or self._fused is None or self._patches is None or self._seen_m2 is None:
            sheets = [memory.sheet for memory in fresh if memory.sheet is not None]
            ground = self.ground
            old = self._fused
            self._fused = merge(sheets, ground.frame.shape, ground.patch_cells)
            observed = self._fused.observed
            if old is None or self._patch_room is None or not np.array_equal(old.observed, observed):
                self._patch_room = patch_room(observed, ground.walkable_m2, ground.patch_cells)
                self._seen_m2 = np.asarray(ground.place_m2 @ observed.ravel())
            self._patches = patch_densities_per_m2(self._fused.people, self._patch_room, ground.patch_cells)
            self._key = key
            self._version += 1
        assert self._seen_m2 is not None
        return self._fused, self._patches, self._seen_m2

    def _seeing_of(self, fresh: list[CameraMemory]) -> list[list[CameraMemory]]:
        """For each place the cameras of `fresh` that see some of it; kept while they are the same and see the same."""
        key = ([memory.camera.id for memory in fresh], self._grounds)
        if key != self._seeing_key:
            seeing = [(m, m.places_m2.tolist()) for m in fresh if m.places_m2 is not None]
            self._seeing = [
                [m for m, places_m2 in seeing if places_m2[i] > 0.0] for i in range(len(self.ground.place_m2))
            ]
            self._seeing_key = key
        return self._seeing

    def most_counted(self, place: int, cameras: Sequence[str]) -> float:
        """The largest count that one of these cameras alone gives for a zone or area."""
        frame = self.ground.frame
        share = self.ground.place_share[place].reshape(frame.shape)
        sheets = [sheet for c in cameras if (sheet := self.cameras[c].sheet) is not None]
        return max(
            (float((share[s.box.slices] * s.people).sum(where=s.observed)) for s in sheets), default=0.0
        )

    def forget_times(self) -> None:
        """After the hub's clock was set back: what was captured then says nothing about when it is now."""
        self.started_ms = None
        for memory in self.cameras.values():
            memory.captured_ms = memory.heard_ms = memory.grid_ms = memory.grid_heard_ms = None
            memory.vehicles = ()
            memory.good_readings = 0

    def _sightings(self, memory: CameraMemory) -> list[Sighting]:
        """The last reading's vehicles. A track cannot be seen after its reading: one that says so counts as of then."""
        camera, newest_ms = memory.camera.id, memory.captured_ms or 0
        return [
            Sighting(
                camera=camera,
                track=track.id,
                kind=track.kind,
                x_m=track.x_m,
                y_m=track.y_m,
                speed_m_s=track.speed_m_s,
                speed_sigma_m_s=track.speed_sigma_m_s,
                heading_deg=track.heading_deg,
                captured_ms=min(max(to_ms(track.captured_at), newest_ms - TRACK_AGE_MAX_MS), newest_ms),
                weight=self.weight_at(camera, track.x_m, track.y_m),
            )
            for track in memory.vehicles
        ]


def _is_same(a: Reading, b: Reading) -> bool:
    """Whether both are one reading: `sent_at` and `oldest_seq` are set anew each time it is sent."""
    if (a.boot, a.seq) != (b.boot, b.seq):
        return False
    return msgspec.structs.replace(a, sent_at=b.sent_at, oldest_seq=b.oldest_seq) == b


def _place_view(seen_m2: float, seeing: list[CameraMemory]) -> PlaceView:
    return PlaceView(
        seen_m2,
        max([m.grid_ms for m in seeing if m.grid_ms is not None], default=None),
        max([m.captured_ms for m in seeing if m.captured_ms is not None], default=None),
        tuple([m.camera.id for m in seeing]),
    )
