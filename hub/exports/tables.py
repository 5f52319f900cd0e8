"""The five exports: zones, cameras, lines (minutes), readings and alerts, with small counts already suppressed.

What is not in here can not leave in a file: no track id, no vehicle's position, no text that quotes a count, no
person's name unless asked for.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from enum import StrEnum
from itertools import groupby
from typing import get_args

import msgspec
import numpy as np

from contract.geometry import GroundGrid, SiteFrame
from contract.instants import to_ms
from contract.messages import Alert, CrossingKind, Reading
from hub.exports.disclosure import CountedMinute, Nested, Steps, Told, ToldMinute, steps, tell
from hub.exports.stored import Span, Stored
from hub.exports.table import Column, Geometry, Row, Table
from hub.exports.zone_tree import nest
from hub.ground import Ground, survey
from hub.polygons import Polygon
from hub.site import Site

DEGREE_DIGITS = 7  # a centimetre
METRE_DIGITS = 2
CROSSING_KINDS: tuple[str, ...] = get_args(CrossingKind)

_READING = msgspec.json.Decoder(Reading)
_ALERT = msgspec.json.Decoder(Alert)


class Kind(StrEnum):
    ZONES = "zones"
    CAMERAS = "cameras"
    LINES = "lines"
    READINGS = "readings"
    ALERTS = "alerts"


class NotOnEarth(Exception):
    """The site file says no real place, so nothing can be put on a map."""


Naming = Callable[[str], str]
"""How an alert export calls the person behind a stored name."""


def unnamed(_name: str) -> str:
    return "a signed-in person"


class Tables:
    """All exports of one site and database."""

    def __init__(self, site: Site, stored: Stored, *, small_count: int) -> None:
        self._site = site
        self._stored = stored
        self._step = small_count
        self._frame = SiteFrame(site.origin.latitude, site.origin.longitude)
        self._ground: Ground = survey(site)
        self._nested: Nested = nest(self._ground)

    def table(self, kind: Kind, span: Span, *, naming: Naming = unnamed) -> Table:
        """The rows are read as they are taken."""
        made = {
            Kind.ZONES: self._zones,
            Kind.CAMERAS: self._cameras,
            Kind.LINES: self._lines,
            Kind.READINGS: self._readings,
        }
        return self._alerts(span, naming) if kind is Kind.ALERTS else made[kind](span)

    def check_place(self) -> None:
        """Raises NotOnEarth where the site's origin is the point that a guessed ground has: 0, 0, in the ocean."""
        if self._site.origin.latitude == 0.0 and self._site.origin.longitude == 0.0:
            raise NotOnEarth(
                f"site {self._site.site}: its origin is latitude 0, longitude 0, which is no square; "
                "write where it lies under origin in the site file, or export as CSV"
            )

    # --- minutes -----------------------------------------------------------------------------------------

    def _zones(self, span: Span) -> Table:
        k = self._step
        columns = (
            _AT,
            Column("zone", "text", "id in the site file"),
            Column("name", "text", "name in the site file"),
            Column("quality", "text", "observed, partly or unknown in this minute"),
            Column("known_s", "integer", "seconds in which the count was known"),
            Column("has_late", "truth", "readings of this minute came too late to be counted"),
            _told(k),
            *_step_columns("people", "mean number of people"),
            *_step_columns("people_max", "largest number of people at once"),
            Column("people_low_at_least", "integer", "lower end of the error range, down to a step"),
            Column("people_high_below", "integer", "upper end of the error range, up to a step"),
            Column("density_at_least_per_m2", "number", "people_at_least over the zone's walkable ground"),
            Column("density_below_per_m2", "number", "people_below over the zone's walkable ground"),
            Column("patch_max_at_least_per_m2", "number", "densest 6 x 6 m patch, down to a step"),
            Column("level_max", "integer", "highest level, 0 to 4"),
        )
        area_m2 = {zone.id: zone.total_m2 for zone in self._ground.zones}
        places = {zone.id: self._polygon(zone.polygon) for zone in self._site.zones}
        names = {zone.id: zone.name for zone in self._site.zones}

        def rows() -> Iterator[Row]:
            stored = self._stored.minutes(
                "zone_minutes",
                "samples, known, partly, people_sum, people_low, people_high, people_max, patch_max_per_m2, "
                "level_max, late",
                ("zone",),
                [(zone,) for zone in names],
                span,
            )
            for minute_ms, of_minute in groupby(stored, key=lambda row: row[0]):
                found = {str(row[1]): row[2:] for row in of_minute}
                told = tell({zone: _counted(row) for zone, row in found.items()}, self._nested, k)
                for zone, row in found.items():
                    yield self._zone_row(minute_ms, zone, names[zone], row, told[zone], area_m2[zone])

        return self._made(
            columns, rows(), lambda row: places[str(row[1])], {"zones": _zone_note(self._nested)}
        )

    def _zone_row(
        self, minute_ms: int, zone: str, name: str, row: tuple[int, ...], told: ToldMinute, area_m2: float
    ) -> Row:
        samples, known, partly, *_, late = row
        people = told.people
        quality = (
            "unknown" if known == 0 else "partly" if known < samples or partly > 0 or late > 0 else "observed"
        )
        return (
            minute_ms,
            zone,
            name,
            quality,
            known,
            late > 0,
            told.told.value,
            *_ends(people),
            *_ends(told.people_max),
            told.people_low_at_least,
            told.people_high_below,
            None if people is None or told.told is Told.FEWER else _down(people.at_least / area_m2),
            None if people is None else _up(people.below / area_m2),
            told.patch_max_at_least_per_m2,
            told.level_max,
        )

    def _cameras(self, span: Span) -> Table:
        columns = (
            _AT,
            Column("camera", "text", "id in the site file"),
            Column("name", "text", "name in the site file"),
            Column("grids", "integer", "full readings, one a period"),
            Column("has_late", "truth", "readings of this minute came too late to be judged"),
            Column("frames_used", "integer", "pictures looked at"),
            Column("frames_dropped", "integer", "pictures not looked at"),
            _told(self._step),
            *_step_columns("vehicles_max", "most vehicles in one reading"),
        )
        cameras = {camera.id: camera for camera in self._site.cameras}
        places = {one.id: self._point(one.position_m) for one in self._site.cameras}

        def rows() -> Iterator[Row]:
            for minute_ms, camera, grids, late, vehicles, used, dropped in self._stored.minutes(
                "camera_minutes",
                "grids, late, vehicles_max, frames_used, frames_dropped",
                ("camera",),
                [(one,) for one in cameras],
                span,
            ):
                told = steps(vehicles, self._step)
                name = cameras[str(camera)].name
                yield (
                    minute_ms, str(camera), name, grids, late > 0, used, dropped, _of(told).value, *_ends(told)
                )  # fmt: skip

        return self._made(
            columns,
            rows(),
            lambda row: places[str(row[1])],
            {
                "cameras": "People per camera are left out: cameras see the zones' ground again, and from both the "
                "people between zones could be worked out. Short readings are not counted: they come while a vehicle "
                "moves."
            },
        )

    def _lines(self, span: Span) -> Table:
        columns = (
            _AT,
            Column("line", "text", "id in the site file"),
            Column("camera", "text", "the camera that counts on it"),
            Column("kind", "text", "person, bicycle, motorcycle, car, bus or truck"),
            *_step_columns("forward", "crossings from left to right"),
            *_step_columns("backward", "crossings from right to left"),
        )
        lines = {line.id: (line, camera.id) for camera in self._site.cameras for line in camera.lines}
        places = {
            one.id: {"type": "LineString", "coordinates": [self._lonlat(one.start), self._lonlat(one.end)]}
            for one, _ in lines.values()
        }

        def rows() -> Iterator[Row]:
            for minute_ms, line, kind, forward, backward in self._stored.minutes(
                "line_minutes",
                "forward, backward",
                ("line", "kind"),
                [(line, kind) for line in lines for kind in CROSSING_KINDS],
                span,
            ):
                # a row says that somebody crossed: where neither side is told there is none
                if max(forward, backward) >= self._step:
                    yield (
                        minute_ms,
                        str(line),
                        lines[str(line)][1],
                        str(kind),
                        *_ends(steps(forward, self._step)),
                        *_ends(steps(backward, self._step)),
                    )

        return self._made(
            columns,
            rows(),
            lambda row: places[str(row[1])],
            {"lines": f"No row: fewer than {self._step} in either direction, which none may be."},
        )

    # --- readings ----------------------------------------------------------------------------------------

    def _readings(self, span: Span) -> Table:
        columns = (
            Column("captured_to", "time", "end of the window"),
            Column("captured_from", "time", "begin of the window"),
            Column("camera", "text", "id in the site file"),
            Column("frames_used", "integer", "pictures looked at"),
            Column("observed_cells", "integer", "ground cells seen"),
            Column("told_cells", "integer", "of these, cells with people enough to be told"),
            *_step_columns("vehicles", "vehicles seen"),
            Column("x_m", "number", "west edge of the cell, metres east of the origin"),
            Column("y_m", "number", "south edge of the cell, metres north of the origin"),
            Column("cell_m", "number", "side of the cell"),
            *_step_columns("people", "people in the cell"),
        )

        def rows() -> Iterator[Row]:
            for captured_ms, payload in self._stored.readings(span):
                reading = _READING.decode(payload)
                # a short reading comes only while a vehicle moves: that it is there says that one did
                if reading.grid is not None:
                    yield from self._cells(captured_ms, reading, GroundGrid.from_wire(reading.grid))

        return self._made(
            columns,
            rows(),
            self._cell_place,
            {
                "readings": "One row for each ground cell with people enough, or one without a cell. No sum over "
                "cells, no crossings, no vehicle's place or track is told; short readings are left out: they come "
                "while a vehicle moves."
            },
        )

    def _cells(self, captured_ms: int, reading: Reading, ground: GroundGrid) -> Iterator[Row]:
        k, cell_m = self._step, ground.frame.cell_m
        # as in disclosure.steps, and only whole steps of cells that were seen
        people = np.where(ground.observed, np.floor(ground.people / k).astype(np.int64) * k, 0)
        at = np.argwhere(people > 0)
        window_ms = to_ms(reading.captured_to) - to_ms(reading.captured_from)
        head: Row = (
            captured_ms,
            captured_ms - window_ms,
            reading.camera,
            reading.frames_used,
            int(ground.observed.sum()),
            len(at),
            *_ends(steps(len(reading.vehicles), k)),
        )
        west, south = ground.frame.origin_m
        for row, column in at:
            count = int(people[row, column])
            yield (
                *head,
                round(west + int(column) * cell_m, METRE_DIGITS),
                round(south + int(row) * cell_m, METRE_DIGITS),
                cell_m,
                count,
                count + k,
            )
        if not len(at):
            yield (*head, None, None, None, None, None)

    def _cell_place(self, row: Row) -> Geometry | None:
        x, y, side = row[8:11]
        if not (isinstance(x, float) and isinstance(y, float) and isinstance(side, (int, float))):
            return None
        return self._polygon([(x, y), (x + side, y), (x + side, y + side), (x, y + side)])

    # --- alerts ------------------------------------------------------------------------------------------

    def _alerts(self, span: Span, naming: Naming) -> Table:
        columns = (
            Column("opened_at", "time", "when the condition had lasted long enough"),
            Column("cleared_at", "time", "when the condition was over"),
            Column("closed_at", "time", "when it was closed"),
            Column("alert", "text", "id"),
            Column("rule", "text", "the rule that raised it"),
            Column("title", "text", "the rule in words"),
            Column("severity", "text", "low, medium or high: the highest it had"),
            Column("zone", "text", "the zone it is in"),
            Column("subject", "text", "the zone, area or camera it is about"),
            Column("condition", "text", "pending, active, returned or unknown"),
            Column("handling", "text", "unacknowledged, acknowledged, shelved or out_of_service"),
            Column("disposition", "text", "what it was found to be: true, false, test, exercise"),
            Column("escalation", "integer", "how often it was passed on for want of an answer"),
            Column("acknowledged_at", "time", "when somebody took it"),
            Column("acknowledged_by", "text", "who took it: a role, or a name where names were asked for"),
            Column("cameras", "text", "cameras that saw it, by spaces"),
            Column("reasons", "text", "why, as reason codes, by spaces"),
            Column(
                "x_m",
                "number",
                "where the crowd is, metres east of the origin; empty for one person or vehicle",
            ),
            Column("y_m", "number", "where the crowd is, metres north of the origin"),
        )

        def rows() -> Iterator[Row]:
            for body in self._stored.alerts(span):
                alert = _ALERT.decode(body)
                # one person's or one vehicle's spot is not told, only the ground that the rule is about
                of_crowd = alert.rule.startswith(CROWD_RULES)
                yield (
                    to_ms(alert.opened_at),
                    _ms(alert.cleared_at),
                    _ms(alert.closed_at),
                    alert.alert,
                    alert.rule,
                    alert.title,
                    alert.severity,
                    alert.zone,
                    alert.subject,
                    alert.condition,
                    alert.handling,
                    alert.disposition,
                    alert.escalation,
                    _ms(alert.acknowledged_at),
                    None if alert.acknowledged_by is None else naming(alert.acknowledged_by),
                    " ".join(alert.cameras),
                    " ".join(dict.fromkeys(reason.reason for reason in alert.reasons)),
                    *(alert.position_m if of_crowd and alert.position_m is not None else (None, None)),
                )

        grounds: dict[str, Polygon] = {area.id: area.polygon for area in self._site.areas}
        grounds |= {zone.id: zone.polygon for zone in self._site.zones}
        cameras = {one.id: one.position_m for one in self._site.cameras}

        def place(row: Row) -> Geometry | None:
            zone, subject, x, y = str(row[7]), str(row[8]), row[-2], row[-1]
            if isinstance(x, float) and isinstance(y, float):
                return self._point((x, y))
            if subject in cameras:
                return self._point(cameras[subject])
            polygon = grounds.get(subject) or grounds.get(zone)
            return None if polygon is None else self._polygon(polygon)

        return self._made(
            columns,
            rows(),
            place,
            {
                "alerts": "An alert is an incident, not a count: none is suppressed. Its texts and numbers are left "
                "out, since they quote counts; an alert about one person or vehicle lies on its whole zone or area."
            },
        )

    # --- places ------------------------------------------------------------------------------------------

    def _lonlat(self, point_m: tuple[float, float]) -> list[float]:
        longitude, latitude = self._frame.to_lonlat(*point_m)
        return [round(longitude, DEGREE_DIGITS), round(latitude, DEGREE_DIGITS)]

    def _point(self, point_m: tuple[float, float]) -> Geometry:
        return {"type": "Point", "coordinates": self._lonlat(point_m)}

    def _polygon(self, polygon: Polygon) -> Geometry:
        """Counter-clockwise and closed, as RFC 7946 3.1.6 has it."""
        ring = list(polygon)
        turned = sum(x0 * y1 - x1 * y0 for (x0, y0), (x1, y1) in zip(ring, (*ring[1:], ring[0]), strict=True))
        if turned < 0:
            ring.reverse()
        return {"type": "Polygon", "coordinates": [[self._lonlat(one) for one in (*ring, ring[0])]]}

    def _made(
        self,
        columns: tuple[Column, ...],
        rows: Iterator[Row],
        place: Callable[[Row], Geometry | None],
        notes: Mapping[str, str],
    ) -> Table:
        k = self._step
        return Table(
            columns,
            rows,
            place,
            {
                "site": self._site.site,
                "small_counts": f"Counts are told in steps of {k}: at least the one and below the other. Counts "
                f"under {k} are not told, nor what they could be worked out from: 'fewer_than_step' may be none. "
                "A zone that contains zones is told as the sum of the steps of its parts. See docs/exports.md.",
                **notes,
                **{f"column.{column.name}": column.meaning for column in columns},
            },
            self._site.time_zone_info,
        )


CROWD_RULES = ("density.", "crowd.", "flow.", "time.to.critical", "occupancy", "entry.flow")

_AT = Column("at", "time", "begin of the minute")


def _told(step: int) -> Column:
    return Column("told", "text", f"what is told of the count; the step is {step}")


def _step_columns(name: str, meaning: str) -> tuple[Column, Column]:
    return (
        Column(f"{name}_at_least", "integer", f"{meaning}, down to a step; empty when under the first"),
        Column(f"{name}_below", "integer", f"{meaning}, up to a step"),
    )


def _ends(found: Steps | None) -> tuple[int | None, int | None]:
    if found is None:
        return None, None
    return (found.at_least or None), found.below


def _of(found: Steps) -> Told:
    return Told.STEPS if found.at_least else Told.FEWER


def _counted(row: tuple[int, ...]) -> CountedMinute:
    _, known, _, people_sum, low, high, most, patch, level, _ = row
    return CountedMinute(people_sum / known if known else None, low, high, most, patch, level)


def _zone_note(nested: Nested) -> str:
    parts = [
        f"{zone} is told as the sum of its parts ({', '.join(inside)} and the rest)"
        for zone, inside in nested.inside.items()
        if inside
    ]
    parts += [
        f"{zone} overlaps another zone in part and is not told: from both, small counts could be worked out"
        for zone in sorted(nested.crossing)
    ]
    return "; ".join(parts) or "No zone overlaps another."


def _ms(instant: str | None) -> int | None:
    return None if instant is None else to_ms(instant)


def _down(value: float) -> float:
    return math.floor(value * 1000) / 1000


def _up(value: float) -> float:
    return math.ceil(value * 1000) / 1000
