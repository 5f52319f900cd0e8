"""Which models of the manifest are on this machine: the shipped one always, a download where somebody fetched it."""

from __future__ import annotations

from models.manifest import manifest
from models.store import ModelMissing, located


def is_here(name: str) -> bool:
    try:
        located(manifest().named(name))
    except ModelMissing:
        return False
    return True
