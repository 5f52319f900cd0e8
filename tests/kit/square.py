"""An invented square for the hub's tests: cameras in rows, each over 40 x 40 m of ground at 20 pixels a metre."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from contract.geometry import GridFrame, GroundGrid
from contract.instants import from_ms
from contract.messages import AgentStatus, CameraHealth, Crossing, ModelRef, Reading, VehicleTrack

SITE = "test-square"
CELL_M = 2.0
VIEW_M = 40.0
PICTURE_PX = 800


@dataclass(frozen=True)
class Square:
    """`cameras` cameras, `across` in a row, `spacing_m` apart (under 40 m they overlap); one zone below each of the
    first `zones` of them (default: all)."""

    cameras: int = 2
    across: int = 2
    spacing_m: float = 40.0
    agents: int = 1
    pedestrian: bool = True
    zones: int | None = None

    def name(self, index: int) -> str:
        return f"cam-{index}"

    def agent(self, index: int) -> str:
        return f"box-{index % self.agents}"

    def corner(self, index: int) -> tuple[float, float]:
        return (index % self.across) * self.spacing_m, (index // self.across) * self.spacing_m

    def as_dict(self) -> dict[str, Any]:
        p = PICTURE_PX
        cameras, zones = [], []
        for i in range(self.cameras):
            x, y = self.corner(i)
            pairs = [
                ([0, p], [x, y]),
                ([p, p], [x + VIEW_M, y]),
                ([0, 0], [x, y + VIEW_M]),
                ([p, 0], [x + VIEW_M, y + VIEW_M]),
            ]
            cameras.append(
                {
                    "id": self.name(i),
                    "agent": self.agent(i),
                    "name": f"Camera {i}",
                    "position_m": [x, y],
                    "height_m": 12,
                    "picture": {"width": p, "height": p},
                    "vms_url": f"https://vms.example/live/{i}",
                    "surfaces": [
                        {
                            "id": "ground",
                            "polygon": [[0, 0], [p, 0], [p, p], [0, p]],
                            "points": [{"pixel": pixel, "site": site} for pixel, site in pairs],
                        }
                    ],
                    "lines": [{"id": f"line-{i}", "start": [x, y + 5], "end": [x + 10, y + 5]}],
                }
            )
            side = min(self.spacing_m, VIEW_M)
            zones.append(
                {
                    "id": f"zone-{i}",
                    "name": f"Zone {i}",
                    "pedestrian": self.pedestrian,
                    "polygon": [[x, y], [x + side, y], [x + side, y + side], [x, y + side]],
                }
            )
        return {
            "schema": 1,
            "site": SITE,
            "name": "Test square (invented)",
            "origin": {"latitude": 44.43, "longitude": 26.1},
            "time_zone": "Europe/Bucharest",
            "cell_m": CELL_M,
            "cameras": cameras,
            "zones": zones[: self.zones],
        }

    def write(self, folder: Path) -> Path:
        """As site.yaml (JSON is YAML)."""
        path = folder / "site.yaml"
        path.write_text(json.dumps(self.as_dict(), indent=1), encoding="utf-8")
        return path

    # --- what agents say of it ---------------------------------------------------------------------------

    def reading(
        self,
        index: int,
        *,
        seq: int,
        captured_to_ms: int,
        boot: str = "boot-1",
        period_ms: int = 1000,
        sent_at_ms: int | None = None,
        oldest_seq: int = 0,
        people_per_m2: float | None = 0.1,
        vehicles: tuple[VehicleTrack, ...] = (),
        crossings: tuple[Crossing, ...] = (),
        **changes: Any,
    ) -> Reading:
        """One window of one camera; `people_per_m2` None leaves the grid out."""
        reading = Reading(
            schema=1,
            site=SITE,
            agent=self.agent(index),
            camera=self.name(index),
            boot=boot,
            seq=seq,
            oldest_seq=oldest_seq,
            period_s=period_ms / 1000,
            captured_from=from_ms(captured_to_ms - period_ms),
            captured_to=from_ms(captured_to_ms),
            sent_at=from_ms(captured_to_ms + 50 if sent_at_ms is None else sent_at_ms),
            clock="rtcp",
            frames_used=10,
            frames_dropped=0,
            model=ModelRef(name="test", sha256_12="0" * 12),
            calibration="0" * 12,
            grid=None if people_per_m2 is None else self.ground(index, people_per_m2).to_wire(),
            people_outside_grid=0.0,
            vehicles=vehicles,
            crossings=crossings,
        )
        return msgspec.structs.replace(reading, **changes)

    def ground(self, index: int, people_per_m2: float) -> GroundGrid:
        x, y = self.corner(index)
        cells = int(VIEW_M / CELL_M)
        frame = GridFrame(CELL_M, int(x / CELL_M), int(y / CELL_M), cells, cells)
        people = np.full(frame.shape, people_per_m2 * CELL_M**2)
        everywhere = np.ones(frame.shape, dtype=np.bool_)
        return GroundGrid(frame, people, people * 0.1, everywhere, everywhere)

    def vehicle(
        self, index: int, *, captured_at_ms: int, id: str = "v-1", kind: str = "car", **changes: Any
    ) -> VehicleTrack:
        x, y = self.corner(index)
        track = VehicleTrack(
            id=id,
            kind=kind,  # type: ignore[arg-type]
            x_m=x + 20,
            y_m=y + 20,
            speed_m_s=0.0,
            speed_sigma_m_s=0.1,
            heading_deg=0.0,
            age_s=5.0,
            confidence=0.9,
            captured_at=from_ms(captured_at_ms),
        )
        return msgspec.structs.replace(track, **changes)

    def health(self, index: int, *, sent_at_ms: int, boot: str = "boot-1") -> CameraHealth:
        return CameraHealth(
            schema=1,
            site=SITE,
            agent=self.agent(index),
            camera=self.name(index),
            boot=boot,
            sent_at=from_ms(sent_at_ms),
            picture="good",
            since=from_ms(sent_at_ms),
            problem=None,
            frames_per_s=10.0,
            frames_used=100,
            frames_dropped=0,
            clock="rtcp",
            clock_offset_s=None,
            last_frame_at=None,
            outbox_depth=0,
        )

    def status(
        self, agent: str, *, sent_at_ms: int, boot: str = "boot-1", state: str = "online"
    ) -> AgentStatus:
        return AgentStatus(
            schema=1,
            site=SITE,
            agent=agent,
            boot=boot,
            state=state,  # type: ignore[arg-type]
            sent_at=from_ms(sent_at_ms),
            version="test",
            cameras=tuple(self.name(i) for i in range(self.cameras) if self.agent(i) == agent),
            models=(),
        )
