"""The site file of a layout as a story's cameras see it, with exact calibration or with an operator's clicks."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import msgspec
import yaml

from contract.site_file import Camera, SharedSite, read_shared
from models.scenes import place_mesh
from models.scenes.camera import View
from models.scenes.story import CameraPlan, Layout, Story

CLICK_PX: Final = 3.0
"""Steps to which a click falls on a picture: what a careful operator with a mouse reaches. [E]"""


OBSTACLES: Final = ("building", "wall", "fence", "stall", "kiosk", "planter", "shelter")
"""What the site file names as ground that nobody can stand on; poles and trees are too small to matter."""


def view_of(plan: CameraPlan) -> View:
    return View.towards(plan.position_m, plan.look_at_m, plan.across_deg, (plan.width, plan.height), plan.k1)


def camera_of(name: str, plan: CameraPlan, clicks: bool = False) -> Camera:
    """The site file's Camera of a planned one."""
    return view_of(plan).to_site(
        name, plan.name, f"{name}-box", plan.reach_m, plan.lines, CLICK_PX if clicks else 0.0
    )


def write(path: Path, story: Story, layout: Layout, clicks: bool = False) -> SharedSite:
    """Writes the site file and reads it back, so that what is written is known to be valid. Raises FileError."""
    cameras = [camera_of(name, layout.cameras[name], clicks) for name in story.cameras]
    lines: set[str] = set()
    unique = []
    for camera in cameras:
        kept = tuple(line for line in camera.lines if line.id not in lines)
        lines |= {line.id for line in kept}
        unique.append(msgspec.structs.replace(camera, lines=kept))
    content: dict[str, Any] = {
        "schema": 1,
        "site": layout.layout,
        "name": f"{layout.title} (invented)",
        "origin": msgspec.to_builtins(layout.origin),
        "time_zone": layout.time_zone,
        "cell_m": layout.cell_m,
        "replay_start": story.start,
        "cameras": [_plain(camera) for camera in unique],
    }
    obstacles = [
        {"id": f"{kind}-{i + 1}", "polygon": [[round(x, 2), round(y, 2)] for x, y in outline]}
        for i, (kind, outline) in enumerate(place_mesh.built(layout, story.seed).solid)
        if kind in OBSTACLES
    ]
    if obstacles:
        content["obstacles"] = obstacles
    for name in ("zones", "areas", "assets"):
        values = getattr(layout, name)
        if values:
            content[name] = [dict(value) for value in values]
    head = f"# Made from the story {story.story} by `python -m models.scenes`; everything here is invented.\n"
    path.write_text(head + yaml.safe_dump(content, sort_keys=False, allow_unicode=True), encoding="utf-8")
    return read_shared(path)


def _plain(camera: Camera) -> dict[str, Any]:
    """Without the keys that hold nothing."""
    plain: dict[str, Any] = msgspec.to_builtins(camera)
    return {key: value for key, value in plain.items() if value not in (None, (), [])}
