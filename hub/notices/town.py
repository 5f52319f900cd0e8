"""What only the town can say: who answers for it, on which legal ground, and why it is needed. One YAML file of texts.

What is not there is shown as missing. Nothing here is ever filled in by the hub.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from msgspec import Meta, Struct

from contract.yaml_file import YamlFile

Text = Annotated[str, Meta(min_length=1, max_length=5000)]


class Town(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The first five are in the public notice too; the others in the impact assessment."""

    controller: Text | None = None
    contact: Text | None = None
    data_protection_officer: Text | None = None
    purpose: Text | None = None
    legal_basis: Text | None = None
    supervisory_authority: Text | None = None
    processors: Text | None = None
    necessity: Text | None = None
    proportionality: Text | None = None
    alternatives: Text | None = None
    data_subjects_views: Text | None = None
    risk_singling_out: Text | None = None
    risk_tracking: Text | None = None
    risk_purpose: Text | None = None
    risk_access: Text | None = None
    risk_errors: Text | None = None
    risk_chilling: Text | None = None
    officer_advice: Text | None = None
    prior_consultation: Text | None = None
    decision: Text | None = None
    review: Text | None = None


def read_town(path: Path | None) -> Town:
    """Nothing filled in where there is no file. Raises FileError naming file, line and key."""
    return Town() if path is None else YamlFile(path).to(Town)
