"""`python -m deploy.demo.marks STORY/CAMERA OUT`: frames of a rendered evening, marked as an operator would mark them.

What `esplanade-models calibrate fit --points` takes: pictures, and beside each the heads of whom at least a twentieth
of the body is seen, from the truth. The demo's own people map was fitted to these (docs/demo-scene.md).
"""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path

from models.scenes.truth import FrameTruth, read_frames

FRAMES = 30
SEEN = 0.05
"""Of whom less is seen, nobody would mark. [E]"""


def marks(frame: FrameTruth, width_px: int, height_px: int) -> list[tuple[float, float]]:
    """Heads (x, y) in pixels, inside the picture, of the people that can be seen."""
    return [
        (round(x, 1), round(y, 1))
        for x, y in (one.head_px for one in frame.people if one.visible >= SEEN)
        if 0 <= x < width_px and 0 <= y < height_px
    ]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m deploy.demo.marks", description=__doc__)
    parser.add_argument("camera", type=Path, help="a rendered story's camera, STORY/CAMERA")
    parser.add_argument("out", type=Path, help="the folder to write")
    asked = parser.parse_args()
    frames = list(read_frames(asked.camera / "truth.jsonl"))
    asked.out.mkdir(parents=True, exist_ok=True)
    for frame in frames[:: max(1, len(frames) // FRAMES)][-FRAMES:]:
        name = f"{frame.frame:06d}"
        shutil.copy(asked.camera / "pictures" / f"{name}.jpg", asked.out / f"{name}.jpg")
        points = marks(frame, 1280, 720)
        (asked.out / f"{name}.points.json").write_text(json.dumps({"points_px": points}), encoding="utf-8")


if __name__ == "__main__":
    main()
