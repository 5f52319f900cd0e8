"""The part of the site file that both sides need: where the site is, and what each camera sees of it.

Zones, areas, rules, assets and assessments belong to the hub alone (`hub.site`); this parser leaves them be.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
from msgspec import Meta, Struct

from contract import limits
from contract.instants import Instant, to_ms
from contract.messages import Identifier, Metres
from contract.yaml_file import YamlFile

PointM = tuple[Metres, Metres]
Pixel = tuple[float, float]
PolygonPx = Annotated[tuple[Pixel, ...], Meta(min_length=3)]


class _Part(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A part of the file: a key that is not known is an error, since it is most often misspelt."""


class Origin(_Part, frozen=True, kw_only=True, forbid_unknown_fields=True):
    latitude: Annotated[float, Meta(ge=-85, le=85)]
    longitude: Annotated[float, Meta(ge=-180, le=180)]


class PointPair(_Part, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One place known both in the picture (pixels, origin top left) and on the ground (site metres)."""

    pixel: Pixel
    site: PointM


class Surface(_Part, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A flat piece of ground in the picture. `polygon` in pixels bounds it; at least four point pairs place it."""

    id: Identifier
    polygon: PolygonPx
    points: Annotated[tuple[PointPair, ...], Meta(min_length=4)]


class CountingLine(_Part, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A line on the ground; forward crosses it from left to right, looking along it from `start` to `end`."""

    id: Identifier
    start: PointM
    end: PointM


class PictureSize(_Part, frozen=True, kw_only=True, forbid_unknown_fields=True):
    width: Annotated[int, Meta(ge=16, le=16_384)]
    height: Annotated[int, Meta(ge=16, le=16_384)]


class Distortion(_Part, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One-term radial lens distortion: r_d = r (1 + k1 r^2), r in units of `focal_px`, about the picture's centre."""

    k1: Annotated[float, Meta(ge=-1, le=1)]
    focal_px: Annotated[float, Meta(gt=0)]


class Camera(_Part, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One camera: who runs it, where it stands, what it sees. All pixels are of a picture of size `picture`."""

    id: Identifier
    agent: Identifier
    name: str
    position_m: PointM
    height_m: Annotated[float, Meta(gt=0, le=500)]
    picture: PictureSize
    surfaces: Annotated[tuple[Surface, ...], Meta(min_length=1)]
    masks: tuple[PolygonPx, ...] = ()
    lines: tuple[CountingLine, ...] = ()
    distortion: Distortion | None = None
    vms_url: str | None = None

    @property
    def calibration(self) -> str:
        """First 12 hex of the SHA-256 of all that turns pixels into metres; changes when any of it does."""
        parts = (self.picture, self.surfaces, self.masks, self.distortion, self.position_m, self.height_m)
        return hashlib.sha256(msgspec.json.encode(parts)).hexdigest()[:12]


class SharedSite(Struct, frozen=True, kw_only=True):
    """The shared part of a site file. `hub.site` parses the same file whole and strictly."""

    site: Identifier
    name: str
    origin: Origin
    time_zone: str
    cameras: Annotated[tuple[Camera, ...], Meta(min_length=1)]
    cell_m: Annotated[float, Meta(ge=limits.CELL_MIN_M, le=limits.CELL_MAX_M)] = limits.CELL_DEFAULT_M
    replay_start: Instant = "2026-06-20T18:00:00.000Z"
    schema: Literal[1] = 1

    def camera(self, camera: str) -> Camera:
        """Raises KeyError naming the cameras there are."""
        for one in self.cameras:
            if one.id == camera:
                return one
        known = ", ".join(one.id for one in self.cameras)
        raise KeyError(f"site {self.site} has no camera {camera}; it has {known}")

    @property
    def time_zone_info(self) -> ZoneInfo:
        return ZoneInfo(self.time_zone)


def read_shared(path: Path | str) -> SharedSite:
    """Reads the shared part. Raises FileError naming file, line and key."""
    file = YamlFile(path)
    site = file.to(SharedSite)
    check_shared(file, site)
    return site


def check_shared(file: YamlFile, site: SharedSite) -> None:
    """What the types cannot say: names unique and not reserved, a real time zone. Raises FileError."""
    try:
        ZoneInfo(site.time_zone)
    except (ZoneInfoNotFoundError, ValueError):
        raise file.error(
            f"{site.time_zone!r} is no IANA time zone; write one like Europe/Bucharest", "time_zone"
        ) from None
    try:
        to_ms(site.replay_start)
    except ValueError as error:
        raise file.error(str(error), "replay_start") from None
    if site.site in limits.RESERVED:
        raise file.error(f"{site.site!r} is a reserved word; choose another name", "site")
    cameras: set[str] = set()
    lines: set[str] = set()
    for i, camera in enumerate(site.cameras):
        for key, name in (("id", camera.id), ("agent", camera.agent)):
            if name in limits.RESERVED:
                raise file.error(f"{name!r} is a reserved word; choose another name", "cameras", i, key)
        if camera.id in cameras:
            raise file.error(f"camera {camera.id} stands twice; ids are unique in a site", "cameras", i, "id")
        cameras.add(camera.id)
        if camera.vms_url is not None and urlsplit(camera.vms_url).scheme not in ("http", "https", "rtsp"):
            raise file.error("must begin with http, https or rtsp", "cameras", i, "vms_url")
        for j, line in enumerate(camera.lines):
            if line.id in lines:
                raise file.error(
                    f"line {line.id} stands twice; ids are unique in a site", "cameras", i, "lines", j, "id"
                )
            if line.start == line.end:
                raise file.error("start and end are the same point", "cameras", i, "lines", j)
            lines.add(line.id)
