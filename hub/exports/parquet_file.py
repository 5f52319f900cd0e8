"""Apache Parquet, in row groups of bounded size; the notes stand in the file's metadata, a meaning in each column's."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

from hub.exports.table import Column, Table

MEDIA_TYPE = "application/vnd.apache.parquet"
ROWS_IN_GROUP = 20_000


class NoPyArrow(Exception):
    """The optional library is not installed; the message names the extra."""


def check() -> None:
    """Raises NoPyArrow."""
    try:
        import pyarrow.parquet  # noqa: F401
    except ImportError:
        raise NoPyArrow(
            "Parquet needs pyarrow, which is not installed: pip install 'esplanade[parquet]', or export as CSV"
        ) from None


class _Taken(io.RawIOBase):
    """A file that gives away what was written to it."""

    def __init__(self) -> None:
        super().__init__()
        self._parts: list[bytes] = []
        self._at = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        part = bytes(data)
        self._parts.append(part)
        self._at += len(part)
        return len(part)

    def tell(self) -> int:
        return self._at

    def take(self) -> bytes:
        found = b"".join(self._parts)
        self._parts.clear()
        return found


def chunks(table: Table) -> Iterator[bytes]:
    """Raises NoPyArrow at the first one."""
    check()
    import pyarrow as pa
    import pyarrow.parquet as pq

    kinds: dict[str, Any] = {
        "time": pa.timestamp("ms", tz=table.time_zone.key),
        "text": pa.string(),
        "integer": pa.int64(),
        "number": pa.float64(),
        "truth": pa.bool_(),
    }

    def field(column: Column) -> Any:
        return pa.field(column.name, kinds[column.kind], metadata={"meaning": column.meaning})

    notes = {
        f"esplanade.{name}": text for name, text in table.notes.items() if not name.startswith("column.")
    }
    schema = pa.schema([field(column) for column in table.columns], metadata=notes)
    out = _Taken()
    with pq.ParquetWriter(out, schema, compression="zstd") as writer:
        rows: list[tuple[Any, ...]] = []

        def flush() -> bytes:
            columns = list(zip(*rows, strict=True)) or [()] * len(schema)
            arrays = [pa.array(values, type=one.type) for values, one in zip(columns, schema, strict=True)]
            writer.write_batch(pa.RecordBatch.from_arrays(arrays, schema=schema))
            rows.clear()
            return out.take()

        for row in table.rows:
            rows.append(row)
            if len(rows) == ROWS_IN_GROUP:
                yield flush()
        if rows:
            yield flush()
    yield out.take()
