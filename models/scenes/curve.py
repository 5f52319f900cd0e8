"""The truth of a film as curves: how many people stand in each zone of a site file, second by second of the film.

The hub can lay such a file over what it measured (docs/hub-config.md, `truth`); the demo does.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import av
import msgspec
import numpy as np

from contract.homography import inside
from contract.true_people import TruePeople
from contract.yaml_file import FileError, YamlFile
from models.scenes.truth import read_frames, read_world


def curves(folder: Path, site: Path, film: Path, start_s: float, end_s: float) -> TruePeople:
    """Of a rendered camera's `folder` (STORY/CAMERA) and a film made of its pictures from `start_s` to before `end_s`.

    Zones are those of the site file. Raises FileError, OSError, and ValueError when the film is of other pictures.
    """
    camera = folder.name
    shown = {frame.t_s for frame in read_frames(folder / "truth.jsonl") if start_s <= frame.t_s < end_s}
    worlds = [world for world in read_world(folder.parent / "world.jsonl") if world.t_s in shown]
    if not worlds:
        raise ValueError(f"{folder} has no frame between --start and --end")
    times_s, loop_s = _film_times_s(film)
    t_s = [round(world.t_s - worlds[0].t_s, 3) for world in worlds]
    if len(times_s) != len(t_s) or np.abs(np.subtract(times_s, t_s)).max() > 0.05:
        raise ValueError(
            f"{film} holds {len(times_s)} pictures up to {times_s[-1]:g} s, {folder} {len(t_s)} up to {t_s[-1]:g} s; "
            "name the film that was made of them, with the same --start and --end"
        )
    file = YamlFile(site)
    zones = _zones(file)
    people: dict[str, list[int]] = {zone: [] for zone in zones}
    for world in worlds:
        points = np.array([(one.x_m, one.y_m) for one in world.people], np.float64).reshape(-1, 2)
        for zone, polygon in zones.items():
            people[zone].append(int(inside(polygon, points).sum()))
    told: dict[str, Any] = msgspec.json.decode((folder.parent / "story.json").read_bytes())
    return TruePeople(
        site=str(file.value["site"]),
        camera=camera,
        story=str(told["story"]),
        recipe=str(told["recipe"]),
        film=film.name,
        film_sha256=hashlib.sha256(film.read_bytes()).hexdigest(),
        loop_s=round(loop_s, 3),
        t_s=tuple(t_s),
        people={zone: tuple(row) for zone, row in people.items()},
    )


def written(found: TruePeople) -> bytes:
    """As JSON, one zone to a line."""
    plain: dict[str, Any] = msgspec.to_builtins(found)
    people: dict[str, Any] = plain.pop("people")
    lines = [f' "{key}": {msgspec.json.encode(value).decode()}' for key, value in plain.items()]
    rows = [f'  "{zone}": {msgspec.json.encode(row).decode()}' for zone, row in people.items()]
    lines.append(' "people": {\n' + ",\n".join(rows) + "\n }")
    return ("{\n" + ",\n".join(lines) + "\n}\n").encode()


def _zones(file: YamlFile) -> dict[str, tuple[tuple[float, float], ...]]:
    try:
        return {
            str(zone["id"]): tuple((float(x), float(y)) for x, y in zone["polygon"])
            for zone in file.value["zones"]
        }
    except (KeyError, TypeError, ValueError) as error:
        raise FileError(file.path, None, "zones", f"cannot be read: {error!r}") from None


def _film_times_s(film: Path) -> tuple[list[float], float]:
    """Seconds of every picture from the first, and the length of a pass: the last picture stays the mean step."""
    with av.open(str(film)) as container:
        stream = container.streams.video[0]
        times = [
            float(packet.pts * packet.time_base)
            for packet in container.demux(stream)
            if packet.pts is not None
        ]
        step_s = float(1 / stream.average_rate) if stream.average_rate else 0.1
    times.sort()
    return [t - times[0] for t in times], times[-1] - times[0] + step_s
