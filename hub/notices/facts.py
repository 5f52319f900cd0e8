"""What the configuration says about people's data, gathered from settings and site file: nothing is assumed."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec

from contract.messages import AgentStatus
from hub.retention import Retention
from hub.site import Site

Exposure = Literal["loopback", "network"]
_STATUS = msgspec.json.Decoder(AgentStatus)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlet:
    """Something that alerts leave the hub by. `to`: a host, where the configuration names one."""

    name: str
    kind: str
    to: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """`models`: what agents reported, as name and begin of the hash. `outlets`: empty when nothing leaves the hub."""

    site: Site
    retention: Retention
    small_count: int
    outlets: tuple[Outlet, ...]
    models: tuple[str, ...]
    exposure: Exposure
    has_login: bool
    broker_is_local: bool
    broker_has_tls: bool
    has_assessment: bool
    assessment_is_encrypted: bool
    is_exercise: bool


def reported_models(database: Path) -> tuple[str, ...]:
    """The models that agents said they run; none where no agent was heard or there is no database yet."""
    if not database.is_file():
        return ()
    try:
        with closing(sqlite3.connect(f"{database.resolve().as_uri()}?mode=ro", uri=True)) as db:
            rows = db.execute("SELECT payload FROM said WHERE camera = '' ORDER BY agent").fetchall()
    except sqlite3.Error:
        return ()
    found: set[str] = set()
    for (payload,) in rows:
        try:
            found.update(f"{model.name} ({model.sha256_12})" for model in _STATUS.decode(payload).models)
        except msgspec.MsgspecError:
            continue
    return tuple(sorted(found))
