"""The whole site file: the part shared with the agents, and zones, areas, obstacles and assets for the hub alone."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from msgspec import Meta, Struct

from contract.intake import Observation
from contract.messages import Identifier
from contract.refusal import RefusalReason, Refused
from contract.site_file import Camera, PointM, SharedSite, check_shared
from contract.yaml_file import YamlFile
from hub.permits import PermitWindow
from hub.polygons import area_m2, bounds, contains, crosses_itself

SAFE_DENSITY_PER_M2 = 2.0  # outdoors, by area (HSG195, second hand)
BOUNDS_MARGIN_M = 10.0  # [E] around everything drawn, so that a point at the edge has neighbours

PolygonM = Annotated[tuple[PointM, ...], Meta(min_length=3, max_length=500)]
SquareMetres = Annotated[float, Meta(gt=0, le=1e7)]


class _Part(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A key that is not known is an error, since it is most often misspelt."""


class BoundaryLine(_Part, frozen=True, kw_only=True):
    """A counting line on a zone's edge, and which of its directions leads into the zone."""

    line: Identifier
    inward: Literal["forward", "backward"]


class Zone(_Part, frozen=True, kw_only=True):
    """Ground that is judged as one. `pedestrian`: motor vehicles need a permit here.

    `effective_area_m2` is what people can stand on (default: the polygon less obstacles); `safe_occupancy` defaults
    to 2 persons per square metre of it. `boundary` lists the counting lines only where together they close the zone.
    """

    id: Identifier
    name: str
    polygon: PolygonM
    crowd: Literal["moving", "static"] = "moving"
    phase: Literal["approach", "access", "site", "egress"] = "site"
    surface: Literal["walkway", "stairs", "queue"] = "walkway"
    pedestrian: bool = False
    permits: tuple[PermitWindow, ...] = ()
    effective_area_m2: SquareMetres | None = None
    safe_occupancy: Annotated[float, Meta(gt=0, le=1e7)] | None = None
    boundary: tuple[BoundaryLine, ...] = ()


class Obstacle(_Part, frozen=True, kw_only=True):
    """Ground nobody can stand on."""

    id: Identifier
    polygon: PolygonM


class Area(_Part, frozen=True, kw_only=True):
    """Ground with a rule of its own: closed to vehicles or people, or where no vehicle may stand."""

    id: Identifier
    name: str
    polygon: PolygonM
    closed_to: tuple[Literal["person", "vehicle"], ...] = ()
    restricted_stopping: bool = False
    permits: tuple[PermitWindow, ...] = ()


class Asset(_Part, frozen=True, kw_only=True):
    """Something on the plan that is not judged: a stage, a first-aid post, a bollard."""

    id: Identifier
    name: str
    kind: str
    position_m: PointM


class Site(SharedSite, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A site file, whole. Polygons in site metres."""

    zones: Annotated[tuple[Zone, ...], Meta(min_length=1, max_length=200)]
    areas: Annotated[tuple[Area, ...], Meta(max_length=200)] = ()
    obstacles: Annotated[tuple[Obstacle, ...], Meta(max_length=500)] = ()
    assets: tuple[Asset, ...] = ()

    def zone(self, zone: str) -> Zone:
        """Raises KeyError."""
        return next(one for one in self.zones if one.id == zone) if zone in self.zone_ids else _none(zone)

    @property
    def zone_ids(self) -> tuple[str, ...]:
        return tuple(zone.id for zone in self.zones)

    @property
    def bounds_m(self) -> tuple[float, float, float, float]:
        """(x_min, y_min, x_max, y_max) around zones, areas and what the cameras were calibrated on."""
        drawn = [zone.polygon for zone in self.zones] + [area.polygon for area in self.areas]
        for camera in self.cameras:
            drawn += [tuple(pair.site for pair in surface.points) for surface in camera.surfaces]
        x_min, y_min, x_max, y_max = bounds(drawn)
        margin = BOUNDS_MARGIN_M
        return x_min - margin, y_min - margin, x_max + margin, y_max + margin

    def zone_at(self, x_m: float, y_m: float) -> Zone | None:
        """The smallest zone that holds the point, or None."""
        holding = [zone for zone in self.zones if contains(zone.polygon, x_m, y_m)]
        return min(holding, key=lambda zone: (area_m2(zone.polygon), zone.id)) if holding else None

    def find_camera(self, camera: str) -> Camera | None:
        return next((one for one in self.cameras if one.id == camera), None)

    def refuse_stranger(self, observation: Observation) -> None:
        """Raises Refused when the reading names a site, camera or line that is not ours, or lies on another grid."""
        reading = observation.reading
        if reading.site != self.site:
            raise Refused(RefusalReason.UNKNOWN_SITE, f"this hub keeps site {self.site}, not {reading.site}")
        camera = self.find_camera(reading.camera)
        if camera is None:
            raise Refused(
                RefusalReason.UNKNOWN_CAMERA, f"the site file has no camera {reading.camera}; add it there"
            )
        if camera.agent != reading.agent:
            raise Refused(
                RefusalReason.UNKNOWN_CAMERA,
                f"camera {camera.id} belongs to agent {camera.agent}, not {reading.agent}; change the site file",
            )
        lines = {line.id for line in camera.lines}
        for crossing in reading.crossings:
            if crossing.line not in lines:
                raise Refused(
                    RefusalReason.UNKNOWN_LINE,
                    f"camera {camera.id} has no line {crossing.line} in the site file",
                )
        if observation.ground is not None and observation.ground.frame.cell_m != self.cell_m:
            raise Refused(
                RefusalReason.GRID_BROKEN,
                f"cells of {observation.ground.frame.cell_m:g} m; this site has {self.cell_m:g} m",
            )


def _none(zone: str) -> Zone:
    raise KeyError(zone)


def read_site(path: Path | str) -> Site:
    """Reads the whole site file. Raises FileError naming file, line and key."""
    file = YamlFile(path)
    site = file.to(Site)
    check_shared(file, site)
    _check_names(file, site)
    for group in ("zones", "areas", "obstacles"):
        for i, part in enumerate(getattr(site, group)):
            if crosses_itself(part.polygon):
                raise file.error(
                    "crosses itself; give the corners in order round the edge", group, i, "polygon"
                )
            if area_m2(part.polygon) < 0.1:
                raise file.error(
                    "encloses no ground; give at least three corners in order", group, i, "polygon"
                )
    for group in ("zones", "areas"):
        for i, place in enumerate(getattr(site, group)):
            for j, window in enumerate(place.permits):
                if window.start == window.end or window.start == "24:00":
                    raise file.error(
                        "is empty; write 00:00 to 24:00 for a whole day", group, i, "permits", j, "from"
                    )
    return site


def _check_names(file: YamlFile, site: Site) -> None:
    lines = {line.id for camera in site.cameras for line in camera.lines}
    seen: dict[str, str] = {}
    for group in ("zones", "areas", "obstacles", "assets"):
        for i, part in enumerate(getattr(site, group)):
            if part.id in seen:
                raise file.error(f"{part.id} is also the id of one of the {seen[part.id]}", group, i, "id")
            seen[part.id] = group
    for i, zone in enumerate(site.zones):
        for j, edge in enumerate(zone.boundary):
            if edge.line not in lines:
                raise file.error(
                    f"no camera has a line {edge.line}; name one of {', '.join(sorted(lines)) or 'none'}",
                    *("zones", i, "boundary", j, "line"),
                )
