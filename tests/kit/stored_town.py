"""A made database: an invented square with zones inside zones, some minutes, readings and alerts, without a hub."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from contract.geometry import GridFrame, GroundGrid
from contract.instants import from_ms
from contract.messages import Alert, Crossing, Reason
from hub.batch import Batch, CameraMinute, StoredReading, ZoneMinute
from hub.exports.export import Exports
from hub.exports.stored import Stored
from hub.site import Site, read_site
from hub.store import Store
from hub.streams import Stream
from tests.kit.square import SITE, Square

START_MS = 1_781_978_400_000  # 2026-06-20T18:00:00Z, 21:00 in Bucharest
MINUTE_MS = 60_000
SQUARE = Square(cameras=1)


def site_dict() -> dict[str, Any]:
    """A square of 40 x 40 m with a stage in it, a bar in front of the stage, a door beside it, and a zone that cuts
    through its edge; and the same ground once more under another name."""

    def box(zone: str, x0: float, y0: float, x1: float, y1: float, name: str = "") -> dict[str, Any]:
        ring = [[x0, y0], [x0, y1], [x1, y1], [x1, y0]]  # clockwise on purpose
        return {"id": zone, "name": name or zone, "polygon": ring, "pedestrian": True}

    found = SQUARE.as_dict()
    found["zones"] = [
        box("square", 0, 0, 40, 40, name="=Piața Mare"),
        box("stage", 10, 10, 30, 30),
        box("bar", 12, 12, 20, 20),
        box("door", 32, 0, 38, 8),
        box("lane", 40, 0, 50, 40),
        box("crossing", 30, 30, 46, 46),
    ]
    found["areas"] = [
        {
            "id": "back",
            "name": "Behind",
            "polygon": [[30, 30], [40, 30], [40, 40], [30, 40]],
            "closed_to": ["person"],
        }
    ]
    return found


@dataclass
class StoredTown:
    """`counts`: for each minute the people in each piece of ground that overlaps no other."""

    folder: Path
    counts: list[dict[str, float]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.site_file = self.folder / "site.yaml"
        self.site_file.write_text(json.dumps(site_dict()), encoding="utf-8")
        self.database = self.folder / "hub.sqlite3"
        self.site: Site = read_site(self.site_file)

    def exports(self, small_count: int = 5) -> Exports:
        return Exports(self.site, Stored(self.database), small_count=small_count)

    def write(self, *batches: Batch) -> None:
        with Store(self.database) as store:
            for batch in batches:
                store.write(batch)

    def minutes(self) -> Batch:
        """The zones' minutes that follow from `counts`; each zone holds what its pieces hold."""
        batch = Batch(at_ms=START_MS)
        for number, pieces in enumerate(self.counts):
            bar, stage = pieces["bar"], pieces["bar"] + pieces["stage"]
            people = {
                "bar": bar,
                "stage": stage,
                "door": pieces["door"],
                "square": stage + pieces["door"] + pieces["square"],
                "lane": pieces["lane"],
                "crossing": pieces["crossing"],
            }
            for zone, count in people.items():
                batch.zone_minutes[zone, START_MS + number * MINUTE_MS] = ZoneMinute(
                    samples=60,
                    known=60,
                    people_sum=60.0 * count,
                    people_low=0.8 * count,
                    people_high=1.2 * count + 1,
                    people_max=count + 0.75,
                    density_sum=60 * count / 64,
                    patch_max_per_m2=count / 36,
                    level_max=0 if count < 2 else 1,
                )
        return batch

    def reading(
        self,
        seq: int,
        cells: dict[tuple[int, int], float],
        *,
        vehicles: int = 0,
        crossed: int = 0,
        **changes: Any,
    ) -> StoredReading:
        """One second of the camera: people by (row, column)."""
        at_ms = START_MS + seq * 1000
        frame = GridFrame(2.0, 0, 0, 20, 20)
        people = np.zeros(frame.shape)
        for at, count in cells.items():
            people[at] = count
        everywhere = np.ones(frame.shape, dtype=np.bool_)
        reading = SQUARE.reading(
            0,
            seq=seq,
            captured_to_ms=at_ms,
            vehicles=tuple(
                SQUARE.vehicle(0, captured_at_ms=at_ms, id=f"secret-track-{n}") for n in range(vehicles)
            ),
            crossings=tuple(
                Crossing(line="line-0", kind="person", forward=1, backward=0) for _ in range(crossed)
            ),
            **{"grid": GroundGrid(frame, people, people * 0.1, everywhere, everywhere).to_wire(), **changes},
        )
        return StoredReading(1, seq, at_ms, 0, at_ms, False, msgspec.json.encode(reading))

    def readings(self, *rows: StoredReading) -> Batch:
        batch = Batch(at_ms=START_MS, readings=list(rows))
        batch.streams[1] = Stream(1, SQUARE.agent(0), "boot-1", SQUARE.name(0), len(rows), START_MS, START_MS)
        return batch

    def lines(self, *crossed: tuple[int, str, int, int]) -> Batch:
        """(minute, kind, forward, backward)"""
        batch = Batch(at_ms=START_MS)
        for minute, kind, forward, backward in crossed:
            batch.line_minutes["line-0", kind, START_MS + minute * MINUTE_MS] = [forward, backward]
        return batch

    def camera(self, minute: int, **changes: Any) -> Batch:
        batch = Batch(at_ms=START_MS)
        given: dict[str, Any] = {"readings": 60, "grids": 60, "frames_used": 600, **changes}
        batch.camera_minutes["cam-0", START_MS + minute * MINUTE_MS] = CameraMinute(**given)
        return batch

    def alerts(self, *alerts: Alert) -> Batch:
        return Batch(at_ms=START_MS, alerts={one.alert: one for one in alerts})


def alert(alert: str, rule: str, *, minute: int = 0, text: str = "", **changes: Any) -> Alert:
    opened = from_ms(START_MS + minute * MINUTE_MS)
    given: dict[str, Any] = {
        "schema": 1, "site": SITE, "alert": alert, "rule": rule, "title": rule, "subject": "square", "zone": "square",
        "severity": "high", "condition": "returned", "handling": "acknowledged", "latched": False,
        "opened_at": opened, "changed_at": opened, "cleared_at": None, "closed_at": opened,
        "acknowledged_by": "ana.popescu", "acknowledged_at": opened, "shelved_until": None, "escalation": 0,
        "position_m": (12.5, 7.25), "cameras": ("cam-0",), "vms_url": "https://vms.example/live/0",
        "reasons": (Reason(reason="density.patch", text=text, value=4.9, threshold=4.7),), "advice": (),
        "certainty": f"{text} people counted",
    }  # fmt: skip
    return Alert(**{**given, **changes})
