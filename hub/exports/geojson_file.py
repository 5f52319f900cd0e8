"""GeoJSON as RFC 7946 has it: one FeatureCollection, a feature for each row, longitude before latitude on WGS 84."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from hub.exports.table import Table
from hub.exports.times import local

MEDIA_TYPE = "application/geo+json"
ROWS_AT_ONCE = 200
_encode = msgspec.json.encode


def chunks(table: Table) -> Iterator[bytes]:
    columns = table.columns
    out = [b'{"type":"FeatureCollection","esplanade":', _encode(dict(table.notes)), b',"features":[']
    between = b"\n"
    for number, row in enumerate(table.rows, start=1):
        properties = {
            column.name: local(int(value), table.time_zone)
            if column.kind == "time" and value is not None
            else value
            for column, value in zip(columns, row, strict=True)
        }
        out += (
            between,
            _encode({"type": "Feature", "geometry": table.place(row), "properties": properties}),
        )
        between = b",\n"
        if number % ROWS_AT_ONCE == 0:
            yield b"".join(out)
            out = []
    out.append(b"\n]}\n")
    yield b"".join(out)
