"""One export: a kind, a format, a time range, as a stream of bytes. What can go wrong is found out before the first."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from enum import StrEnum

from hub.exports import csv_file, geojson_file, parquet_file
from hub.exports.stored import Span, Stored
from hub.exports.table import Table
from hub.exports.tables import Kind, Naming, Tables, unnamed
from hub.site import Site


class Format(StrEnum):
    CSV = "csv"
    PARQUET = "parquet"
    GEOJSON = "geojson"


MEDIA_TYPES = {
    Format.CSV: csv_file.MEDIA_TYPE,
    Format.PARQUET: parquet_file.MEDIA_TYPE,
    Format.GEOJSON: geojson_file.MEDIA_TYPE,
}
_WRITERS: dict[Format, Callable[[Table], Iterator[bytes]]] = {
    Format.CSV: csv_file.chunks,
    Format.PARQUET: parquet_file.chunks,
    Format.GEOJSON: geojson_file.chunks,
}


class Exports:
    """All that can be exported of one site and its database."""

    def __init__(self, site: Site, stored: Stored, *, small_count: int) -> None:
        self._stored = stored
        self._tables = Tables(site, stored, small_count=small_count)
        self.small_count = small_count

    def check(self, form: Format) -> None:
        """Raises NothingStored, NoPyArrow or NotOnEarth where this format can not be made here."""
        self._stored.check()
        if form is Format.PARQUET:
            parquet_file.check()
        elif form is Format.GEOJSON:
            self._tables.check_place()

    def chunks(self, kind: Kind, form: Format, span: Span, *, names: bool = False) -> Iterator[bytes]:
        """Memory does not grow with the span. `names`: of those who handled alerts, instead of their roles.

        Raises what `check` does, at once; NothingStored also later.
        """
        self.check(form)
        naming: Naming = str
        if not names:
            roles = self._stored.roles()

            def naming(name: str) -> str:
                return roles.get(name) or unnamed(name)

        return _WRITERS[form](self._tables.table(kind, span, naming=naming))
