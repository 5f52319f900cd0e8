"""`python -m models.scenes`: list the stories, render one, render all, or look at one frame."""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

import cv2

from contract.yaml_file import FileError
from models.scenes import batch, clip, curve, true_site
from models.scenes.crowd import SimulationFailed
from models.scenes.film import QUALITY, write_film
from models.scenes.human_data import HumanDataMissing
from models.scenes.renderer import NoGraphics
from models.scenes.story import MOST_FRAMES, names, read_story
from models.scenes.truth import encode, read_frames


class Bar:
    """One line on a terminal, rewritten; plain lines elsewhere."""

    def __init__(self, story: str) -> None:
        self.story = story
        self.begun_s: dict[str, tuple[float, int]] = {}
        self.said = ""

    def __call__(self, what: str, done: int, of: int) -> None:
        now = time.monotonic()
        begun, first = self.begun_s.setdefault(what, (now, done))
        pace = (now - begun) / max(1, done - first)
        left = f"{pace:.2f} s each, {pace * (of - done) / 60:.0f} min left" if done > first else ""
        filled = round(28 * done / max(1, of))
        line = f"{self.story} {what} [{'#' * filled}{'.' * (28 - filled)}] {done}/{of} {left}"
        if sys.stderr.isatty():
            print(f"\r{line:<100}", end="\n" if done >= of else "", file=sys.stderr, flush=True)
            return
        quarter = f"{what} {4 * done // max(1, of)}"
        if quarter != self.said:
            self.said = quarter
            print(line, file=sys.stderr, flush=True)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m models.scenes", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("list", help="the stories, their frames and what they show")
    render = verbs.add_parser("render", help="render one story; goes on where it was stopped")
    render.add_argument("story", help="a story's name, or the path of a file of your own")
    every = verbs.add_parser("all", help="render every story; goes on where it was stopped")
    for one in (render, every):
        one.add_argument("--out", type=Path, required=True, help="folder to write into")
        one.add_argument("--frames", type=int, default=None, help="at most so many frames of each camera")
    every.add_argument("--jobs", type=int, default=min(2, os.cpu_count() or 1), help="stories at once")
    still = verbs.add_parser("still", help="one picture of a story, to look at")
    still.add_argument("story")
    still.add_argument("--at", type=float, default=0.0, help="second of the story")
    still.add_argument("--camera", default=None)
    still.add_argument("--out", type=Path, required=True, help="picture to write, .png or .jpg")
    film = verbs.add_parser("film", help="a smaller or finer film of pictures that are rendered already")
    film.add_argument("folder", type=Path, help="a camera's folder of a rendered story")
    film.add_argument("--out", type=Path, required=True, help="film to write, .mp4")
    film.add_argument("--quality", type=int, default=QUALITY, help="1 (best) to 63 (smallest)")
    truth = verbs.add_parser("curve", help="the truth of a film: people in each zone over its seconds")
    truth.add_argument("folder", type=Path, help="the camera's folder that the film was made of")
    truth.add_argument("--film", type=Path, required=True)
    truth.add_argument("--site", type=Path, required=True, help="the site file whose zones are counted")
    truth.add_argument("--out", type=Path, required=True, help="curve to write, .json")
    for one in (film, truth):
        one.add_argument("--start", type=float, default=0.0, help="second of the story where it begins")
        one.add_argument("--end", type=float, default=1e9, help="second of the story before which it ends")
    given = parser.parse_args(arguments)
    try:
        return _run(given)
    except (FileError, clip.PromiseBroken, SimulationFailed, HumanDataMissing, NoGraphics, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nstopped; the same command goes on from here", file=sys.stderr)
        return 130


def _run(given: argparse.Namespace) -> int:
    if given.verb == "list":
        return _list()
    if given.verb == "still":
        return _still(given)
    if given.verb == "film":
        return _film(given)
    if given.verb == "curve":
        return _curve(given)
    if given.frames is not None and given.frames < 1:
        print("--frames must be at least 1", file=sys.stderr)
        return 2
    if given.verb == "all":
        return _all(given)
    story, layout = read_story(given.story)
    begun = time.monotonic()
    folder = clip.render(story, layout, given.out, Bar(story.story), given.frames)
    print(f"{folder} ({time.monotonic() - begun:.0f} s)")
    return 0


def _all(given: argparse.Namespace) -> int:
    if given.jobs < 1:
        print("--jobs must be at least 1", file=sys.stderr)
        return 2
    stories = {name: read_story(name)[0] for name in names()}
    frames = sum(batch.frames(story, given.frames) for story in stories.values())
    if frames > MOST_FRAMES:
        print(
            f"the stories have {frames} frames together, at most {MOST_FRAMES} are allowed", file=sys.stderr
        )
        return 2
    begun = time.monotonic()
    bar = Bar(f"{len(stories)} stories,")
    failed = batch.render_all(
        stories, given.out, given.jobs, given.frames, lambda n: bar("frames", n, frames)
    )
    for name, said in failed.items():
        print(f"story {name} was not rendered:\n{said}", file=sys.stderr)
    print(
        f"{given.out}: {len(stories) - len(failed)} of {len(stories)} stories ({time.monotonic() - begun:.0f} s)"
    )
    return 2 if failed else 0


def _list() -> int:
    total = 0
    for name in names():
        story, layout = read_story(name)
        frames = batch.frames(story)
        total += frames
        weather = f"{story.light}{', rain' if story.rain else ''}"
        print(f"{name:<22} {frames:>5} frames  {layout.layout:<18} {weather:<16} {story.title}")
        for shown in story.shows:
            print(f"{'':<22} - {shown}")
    print(f"{'together':<22} {total:>5} frames, at most {MOST_FRAMES}")
    return 0 if total <= MOST_FRAMES else 1


def _film(given: argparse.Namespace) -> int:
    if not 1 <= given.quality <= 63:
        print("--quality must lie between 1 and 63", file=sys.stderr)
        return 2
    truth = given.folder / "truth.jsonl"
    if not truth.is_file():
        print(f"{truth} is missing; name a camera's folder that `render` has finished", file=sys.stderr)
        return 2
    frames = [frame for frame in read_frames(truth) if given.start <= frame.t_s < given.end]
    if not frames:
        print(f"{given.folder} has no frame between --start and --end", file=sys.stderr)
        return 2
    pictures = [given.folder / "pictures" / f"{frame.frame:06d}.jpg" for frame in frames]
    write_film(given.out, pictures, [frame.t_s for frame in frames], given.quality)
    print(f"{given.out}: {len(frames)} frames, {given.out.stat().st_size / 1e6:.2f} MB")
    return 0


def _curve(given: argparse.Namespace) -> int:
    try:
        found = curve.curves(given.folder, given.site, given.film, given.start, given.end)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    given.out.write_bytes(curve.written(found))
    most = ", ".join(f"{zone} {min(row)} to {max(row)}" for zone, row in found.people.items())
    print(f"{given.out}: {found.loop_s:g} s a pass; people: {most}")
    return 0


def _still(given: argparse.Namespace) -> int:
    story, layout = read_story(given.story)
    camera = given.camera or story.cameras[0]
    if camera not in story.cameras:
        print(
            f"story {story.story} has no camera {camera}; it has {', '.join(story.cameras)}", file=sys.stderr
        )
        return 2
    made = clip.built(story, layout, Bar(story.story))
    given.out.parent.mkdir(parents=True, exist_ok=True)
    site = true_site.write(given.out.with_suffix(".site.yaml"), story, layout)
    picture, truth = clip.Shooting(made, site, camera).frame(0, given.at)
    cv2.imwrite(str(given.out), picture)
    given.out.with_suffix(".json").write_bytes(encode(truth))
    print(f"{given.out}: {len(truth.people)} people, {len(truth.vehicles)} vehicles in the picture")
    return 0


if __name__ == "__main__":
    sys.exit(main())
