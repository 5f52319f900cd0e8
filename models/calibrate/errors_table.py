"""`python -m models.calibrate.errors_table STORIES`: prints models/count_errors.toml, measured on rendered stories."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from contract.instants import to_ms
from edge.config import ModelChoice
from edge.detector import Detector
from edge.frame import Frame
from edge.ground import Ground
from edge.look import look
from edge.masks import Masks
from models.calibrate.frames import read_picture
from models.calibrate.grids import Counted, Counter, box_errors_of, errors_of
from models.calibrate.report import toml_bands
from models.calibrate.stories import story_camera
from models.density.assemble import assembled
from models.density.errors import REFERENCE_CELL_M, ErrorsUnusable
from models.density.general import general
from models.density.taps import taps_of
from models.eval.story_folder import StoryFolder, stories
from models.store import located

HEAD = """# How wrong each detector's count is, by the crowding that it says itself (edge/fusion.py): errors of one
# 2 m cell in people per m2, single frames, against the exact truth of rendered stories (docs/scenes.md).
# Hidden people count too. Input sizes as the edge chooses them.
# Made by: python -m models.calibrate.errors_table STORIES --frames {frames}
# on {stories}
"""


def measured(
    model: str, folder: StoryFolder, camera: str, frames: int, *, with_general: bool = False
) -> list[Counted]:
    """`with_general`: with the general head's map. `frames` frames of one camera, evenly over the story."""
    site = folder.site()
    ground = Ground(site.camera(camera), REFERENCE_CELL_M)
    detector: Detector = look(site=site.site, ground=ground, model=ModelChoice(name=model)).boxes
    if with_general:
        head = general(detector.model)
        if head is None:
            raise ErrorsUnusable(f"no general head comes with the package for {model}")
        content = assembled(located(detector.model).read_bytes(), head, taps_of(detector.model))
        size = detector.network_size(ground.camera.picture.height, ground.camera.picture.width)
        detector = Detector(detector.model, content, input_size=size)
    here = story_camera(folder, camera)
    counter = Counter(ground)
    step = max(1, len(here.frames) // frames)
    found = []
    for truth in here.frames[step // 2 :: step][:frames]:
        picture = read_picture(folder.picture(camera, truth.frame))
        frame = Frame(picture, to_ms(truth.captured_at), "media")
        Masks.of(ground.camera, picture.shape[1], picture.shape[0]).burn(frame.picture_bgr)
        found.append(counter.counted(detector.detect(frame.picture_bgr), *here.grid(truth, ground)))
    return found


def _general_table(model: str, counted: list[Counted]) -> str:
    errors = errors_of(counted)
    assert errors.fused is not None
    assert errors.together is not None
    parts = [
        f"{name} = {toml_bands(bands)}" for name, bands in (("map", errors.map), ("boxes", errors.boxes))
    ]
    return "\n".join(
        [f"[{model}]", *parts, f"together = {list(errors.together)}", f"fused = {toml_bands(errors.fused)}"]
    )


def main(given: list[str] | None = None) -> int:
    """Entry point; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m models.calibrate.errors_table", description=__doc__)
    parser.add_argument("stories", type=Path)
    parser.add_argument("--frames", type=int, default=24, help="of each camera")
    parser.add_argument("--model", action="append", help="default: the manifest's")
    parser.add_argument("--general", action="store_true", help="of the general head, for general_errors.toml")
    asked = parser.parse_args(given)
    folders = stories(asked.stories)
    tables = []
    for model in asked.model or ["ssdlite-mobilenet-v2"]:
        counted: list[Counted] = []
        for folder in folders:
            for camera in folder.cameras:
                counted += measured(model, folder, camera, asked.frames, with_general=asked.general)
                print(f"{model}: {folder.name}/{camera}", file=sys.stderr, flush=True)
        tables.append(
            _general_table(model, counted)
            if asked.general
            else f"{model} = {toml_bands(box_errors_of(counted))}"
        )
    more = " --general" if asked.general else ""
    print(HEAD.format(frames=f"{asked.frames}{more}", stories=", ".join(one.name for one in folders)))
    print("\n\n".join(tables))
    return 0


if __name__ == "__main__":
    sys.exit(main())
