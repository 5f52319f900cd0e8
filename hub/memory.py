"""What must survive a restart beside the stored readings: timers, levels, open alerts, permits. Small."""

from __future__ import annotations

import msgspec
from msgspec import Struct

from hub.alert_record import StoredBook
from hub.permits import TimedPermit
from hub.remembered import RememberedCells
from hub.risk import RiskMemory
from hub.vehicle_findings import Stops, Watch
from hub.zone_crowd import PatchSample
from hub.zone_level import LevelMemory

VERSION = 1


class CameraMark(Struct, frozen=True, kw_only=True):
    """When a camera was last heard, so that a restart does not make it look new."""

    captured_ms: int | None
    heard_ms: int | None
    period_ms: int
    good_readings: int


class Memory(Struct, kw_only=True, omit_defaults=True):
    version: int
    site: str
    started_ms: int | None = None
    stepped_ms: int | None = None
    cells: RememberedCells | None = None
    patches: dict[str, tuple[PatchSample, ...]] = {}
    levels: dict[str, LevelMemory] = {}
    risks: dict[str, RiskMemory] = {}
    watches: dict[str, Watch] = {}
    stops: dict[str, Stops] = {}
    cameras: dict[str, CameraMark] = {}
    permits: tuple[TimedPermit, ...] = ()
    book: StoredBook = msgspec.field(default_factory=StoredBook)


class UnusableMemory(ValueError):
    """Stored memory that this hub cannot read: of another site, or of a newer version."""


_ENCODER = msgspec.json.Encoder()
_DECODER = msgspec.json.Decoder(Memory)


def encode(memory: Memory) -> bytes:
    return _ENCODER.encode(memory)


def decode(stored: bytes, site: str) -> Memory:
    """Raises UnusableMemory."""
    try:
        memory = _DECODER.decode(stored)
    except msgspec.MsgspecError as error:
        raise UnusableMemory(
            f"the stored memory cannot be read ({error}); start with a new database, or go back to the older hub"
        ) from None
    if memory.version != VERSION:
        raise UnusableMemory(
            f"the stored memory has version {memory.version}, this hub knows {VERSION}; use the hub that wrote it"
        )
    if memory.site != site:
        raise UnusableMemory(
            f"the stored memory is of site {memory.site}, this is {site}; use a database of its own for each site"
        )
    return memory
