"""What an export holds, whatever its format: columns with a kind and a meaning, rows, and where each row lies."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal
from zoneinfo import ZoneInfo

ColumnKind = Literal["time", "text", "integer", "number", "truth"]
# A time is Unix milliseconds until a format writes it.
Row = tuple[int | float | str | bool | None, ...]
Geometry = Mapping[str, Any]
"""A GeoJSON geometry (RFC 7946): WGS 84, longitude before latitude."""


@dataclass(frozen=True, slots=True)
class Column:
    name: str
    kind: ColumnKind
    meaning: str


@dataclass(frozen=True, slots=True)
class Table:
    """`rows` is read once; `place` of a row may be None. `notes` say what was left out and how; every format holds them
    or a short form of them."""

    columns: tuple[Column, ...]
    rows: Iterator[Row]
    place: Callable[[Row], Geometry | None]
    notes: Mapping[str, str]
    time_zone: ZoneInfo
