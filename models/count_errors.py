"""The errors of each detector's count, and of the general head's, as measured on the scenes.

They stand in `count_errors.toml` and `general_errors.toml`, which say how they were made.
"""

from __future__ import annotations

import tomllib
from functools import cache
from importlib import resources

import msgspec

from models.density.errors import Bands, ErrorBand, Errors, checked, checked_errors

FILE = "count_errors.toml"
GENERAL_FILE = "general_errors.toml"


@cache
def _tables() -> dict[str, Bands]:
    text = (resources.files("models") / FILE).read_text(encoding="utf-8")
    tables = msgspec.convert(tomllib.loads(text), dict[str, tuple[ErrorBand, ...]])
    return {name: checked(bands, f"models/{FILE}: {name}") for name, bands in tables.items()}


def of(model: str) -> Bands | None:
    """The bands of a model of the manifest by name; None where nobody measured it. Raises `ErrorsUnusable`."""
    return _tables().get(model)


@cache
def _general() -> dict[str, Errors]:
    text = (resources.files("models") / GENERAL_FILE).read_text(encoding="utf-8")
    tables = msgspec.convert(tomllib.loads(text), dict[str, Errors])
    return {name: checked_errors(errors, f"models/{GENERAL_FILE}: {name}") for name, errors in tables.items()}


def of_general(model: str) -> Errors | None:
    """The errors of the general head on a model of the manifest; None where there is none. Raises `ErrorsUnusable`."""
    return _general().get(model)
