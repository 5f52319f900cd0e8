"""CSV as RFC 4180 has it: UTF-8, CRLF, one header line, as many fields in each line. What a spreadsheet would take for
a formula begins with an apostrophe (OWASP, CSV Injection)."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from hub.exports.table import Table
from hub.exports.times import local

MEDIA_TYPE = "text/csv; charset=utf-8; header=present"
ROWS_AT_ONCE = 500
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def harmless(text: str) -> str:
    """A text that no spreadsheet runs. Only texts: a negative number stays a number."""
    return f"'{text}" if text.startswith(_FORMULA) else text


def chunks(table: Table) -> Iterator[bytes]:
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow([column.name for column in table.columns])
    kinds = [column.kind for column in table.columns]

    def taken() -> bytes:
        text = out.getvalue()
        out.seek(0)
        out.truncate()
        return text.encode("utf-8")

    for number, row in enumerate(table.rows, start=1):
        fields: list[str | int | float] = []
        for kind, value in zip(kinds, row, strict=True):
            if value is None:
                fields.append("")
            elif kind == "time":
                fields.append(local(int(value), table.time_zone))
            elif kind == "truth":
                fields.append("true" if value else "false")
            elif isinstance(value, str):
                fields.append(harmless(value))
            else:
                fields.append(value)
        writer.writerow(fields)
        if number % ROWS_AT_ONCE == 0:
            yield taken()
    yield taken()
