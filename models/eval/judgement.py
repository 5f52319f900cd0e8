"""What the hub makes of readings: `esplanade-hub replay` as its own program, since models never imports the hub."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from contract.messages import Alert, Reading, ZoneState

REPLAY_TIMEOUT_S: Final = 900.0
_Line = TypeVar("_Line")


class HubFailed(RuntimeError):
    """The hub's replay ended with an error; the message says which."""


class _Transition(msgspec.Struct, frozen=True):
    """What is read of a line of the hub's alerts file."""

    alert: Alert


@dataclass(frozen=True, slots=True)
class Judgement:
    """`changes`: every alert as it was after each transition, in order. `zones`: each zone once a second."""

    changes: tuple[Alert, ...]
    zones: tuple[ZoneState, ...]


def judged(readings: Iterable[Reading], site_file: Path, folder: Path) -> Judgement:
    """The hub's judgement of readings; writes into `folder`. Raises HubFailed."""
    written, alerts, zones = (folder / name for name in ("readings.jsonl", "alerts.jsonl", "zones.jsonl"))
    written.write_bytes(b"".join(msgspec.json.encode(one) + b"\n" for one in readings))
    command = [sys.executable, "-m", "hub", "replay", str(written), "--site", str(site_file)]
    command += ["--out", str(alerts), "--zones", str(zones)]
    try:
        ended = subprocess.run(command, capture_output=True, text=True, timeout=REPLAY_TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired:
        raise HubFailed(f"hub replay of {written}: no end after {REPLAY_TIMEOUT_S:.0f} s") from None
    if ended.returncode != 0:
        raise HubFailed(
            f"hub replay of {written}: {ended.stderr.strip()[-400:]}; alerts need the hub extra, esplanade[hub]"
        )
    return Judgement(tuple(one.alert for one in _lines(alerts, _Transition)), tuple(_lines(zones, ZoneState)))


def _lines(path: Path, kind: type[_Line]) -> list[_Line]:
    decoder = msgspec.json.Decoder(kind)
    with path.open("rb") as file:
        return [decoder.decode(line) for line in file]
