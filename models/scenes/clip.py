"""Renders a story: for each camera its pictures, its truth, a film of them, and the site file they belong to.

Folder `OUT/STORY`: `story.json` (what it was made from), `site.yaml`, `site-clicks.yaml`, `world.jsonl`, and for each
camera `CAMERA/pictures/NNNNNN.jpg`, `CAMERA/truth.jsonl`, `CAMERA/clip.mp4`. A run that was stopped goes on.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cv2
import msgspec
import numpy as np
import numpy.typing as npt

from contract.instants import from_ms, to_ms
from contract.site_file import SharedSite
from models.scenes import place_mesh, true_site
from models.scenes.bodies import BodySet, load
from models.scenes.camera import View
from models.scenes.cast import FIRST_VEHICLE, cast
from models.scenes.crowd import Crowd
from models.scenes.film import write_film
from models.scenes.light import LIGHTS, Light
from models.scenes.picture import Bend, Seen, covered, developed
from models.scenes.props import PROPS
from models.scenes.renderer import Renderer
from models.scenes.sight import Sight
from models.scenes.story import Expects, Fault, Layout, Story
from models.scenes.traffic import rides
from models.scenes.true_ground import Fullness, TrueGround
from models.scenes.truth import FrameTruth, PictureTruth, WorldPerson, WorldTruth, WorldVehicle, encode
from models.scenes.vehicle_forms import KIND_OF_MODEL
from models.scenes.vehicle_mesh import VehicleMesh
from models.scenes.vehicle_mesh import built as vehicle_built
from models.scenes.world import Somebody, World

Picture = npt.NDArray[np.uint8]
Progress = Callable[[str, int, int], None]
"""(what, done, of)."""

UMBRELLAS_IN_RAIN: Final = 0.45
UMBRELLAS_IN_SUN: Final = 0.004
KNOCK: Final = (16.0, 7.0, 5.0)
"""A blow turns the camera by so many degrees of pan, tilt and roll."""


class PromiseBroken(RuntimeError):
    """A story's simulation did not show what the story promises; the message says by how much."""


@dataclass(frozen=True, slots=True)
class Set:
    """Everything of a story before the first frame: the place, the people's ways, the vehicles' drives."""

    story: Story
    layout: Layout
    light: Light
    place: place_mesh.Place
    world: World
    bodies: BodySet
    vehicles: dict[str, VehicleMesh]
    numbers: dict[str, int]
    fullness: Fullness


def built(story: Story, layout: Layout, progress: Progress | None = None) -> Set:
    """Simulates the story. Raises SimulationFailed, HumanDataMissing."""
    bodies = load()
    light = LIGHTS[story.light].raining() if story.rain else LIGHTS[story.light]
    umbrellas = UMBRELLAS_IN_RAIN if story.rain else UMBRELLAS_IN_SUN
    place = place_mesh.built(layout, story.seed)
    meshes = {name: vehicle_built(name) for name in sorted({drive.model for drive in story.drives})}
    driven = rides(story, layout, meshes)
    crowd = Crowd(story, layout, place, driven, umbrellas)
    walks = crowd.walks(
        None if progress is None else lambda share: progress("crowd", round(100 * share), 100)
    )
    numbers = {drive.id: FIRST_VEHICLE + i for i, drive in enumerate(story.drives)}
    zones = {
        str(zone["id"]): tuple((float(x), float(y)) for x, y in zone["polygon"]) for zone in layout.zones
    }
    world = World(story.seed, walks, driven, bodies, umbrellas)
    return Set(
        story, layout, light, place, world, bodies, meshes, numbers, Fullness(crowd.ground, zones, 2.0)
    )


def recipe(story: Story, layout: Layout) -> str:
    """First 12 hex of a hash over the story, its layout and all code that makes pictures and truth."""
    drawn = msgspec.structs.replace(story, title="", shows=(), expects=Expects())
    digest = hashlib.sha256(msgspec.json.encode((drawn, layout)))
    for path in sorted(Path(__file__).parent.glob("*.py")):
        if path.stem not in ("__main__", "batch", "curve", "film"):
            digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def render(
    story: Story, layout: Layout, out: Path, progress: Progress | None = None, most: int | None = None
) -> Path:
    """Renders what is not there yet into `out/STORY` and returns that folder. `most` bounds each camera's frames."""
    folder = out / story.story
    made_from = recipe(story, layout)
    times = story.frame_times_s()[:most]
    mark = folder / "story.json"
    if not _begun(mark, made_from):
        _forget(folder)
        folder.mkdir(parents=True, exist_ok=True)
        note = {
            "story": story.story,
            "title": story.title,
            "seed": story.seed,
            "recipe": made_from,
            "shows": list(story.shows),
        }
        mark.write_bytes(msgspec.json.format(msgspec.json.encode(note)))
    if all(
        (folder / camera / "clip.mp4").is_file() and _count(folder, camera) == len(times)
        for camera in story.cameras
    ):
        return folder
    made = built(story, layout, progress)
    site = true_site.write(folder / "site.yaml", story, layout)
    true_site.write(folder / "site-clicks.yaml", story, layout, clicks=True)
    _write_world(folder / "world.jsonl", made, times)
    for camera in story.cameras:
        _render_camera(made, site, camera, folder / camera, times, progress)
    return folder


def _begun(mark: Path, made_from: str) -> bool:
    try:
        return bool(msgspec.json.decode(mark.read_bytes())["recipe"] == made_from)
    except (OSError, msgspec.DecodeError, KeyError, TypeError):
        return False


def _forget(folder: Path) -> None:
    """Removes what an earlier recipe made; only files of the kinds that are written here."""
    for pattern in (
        "*.yaml",
        "*.json",
        "*.jsonl",
        "*/clip.mp4",
        "*/truth.jsonl",
        "*/pictures/*.jpg",
        "*/pictures/*.json",
    ):
        for path in folder.glob(pattern):
            path.unlink()


def _count(folder: Path, camera: str) -> int:
    path = folder / camera / "truth.jsonl"
    return sum(1 for _ in path.open("rb")) if path.is_file() else 0


def _instant(story: Story, t_s: float) -> str:
    return from_ms(to_ms(story.start) + round(t_s * 1000.0))


def world_truth(made: Set, t_s: float) -> WorldTruth:
    people = made.world.people(t_s)
    points = np.array([(one.x_m, one.y_m) for one in people]).reshape(-1, 2)
    zones = made.fullness.zone_people(points)
    return WorldTruth(
        t_s=t_s,
        captured_at=_instant(made.story, t_s),
        people=[
            WorldPerson(
                id=one.person,
                x_m=round(one.x_m, 3),
                y_m=round(one.y_m, 3),
                vx_m_s=round(one.vx_m_s, 3),
                vy_m_s=round(one.vy_m_s, 3),
            )
            for one in people
        ],
        vehicles=[
            WorldVehicle(
                id=ride.drive.id,
                kind=KIND_OF_MODEL[ride.drive.model],
                x_m=round(here.x_m, 3),
                y_m=round(here.y_m, 3),
                speed_m_s=round(here.speed_m_s, 3),
                heading_deg=round(here.heading_deg, 2) % 360.0,
                permitted=ride.drive.permitted,
            )
            for ride, here in made.world.vehicles(t_s)
        ],
        zones=zones,
        zones_per_m2=made.fullness.per_m2(zones),
        hot_spot=made.fullness.hot_spot(points),
    )


def _write_world(path: Path, made: Set, times: list[float]) -> None:
    truths = [world_truth(made, t) for t in times]
    if len(times) == len(made.story.frame_times_s()):
        check_promises(made.story, truths)
    half = path.with_suffix(".half")
    half.write_bytes(b"".join(encode(truth) + b"\n" for truth in truths))
    half.replace(path)


def check_promises(story: Story, truths: list[WorldTruth]) -> None:
    """Raises PromiseBroken when the people did not do what the story says."""
    expects = story.expects
    hottest = max((truth.hot_spot.per_m2 for truth in truths if truth.hot_spot is not None), default=0.0)
    fullest = max((value for truth in truths for value in truth.zones_per_m2.values()), default=0.0)
    for value, bound, sign, what in (
        (hottest, expects.hot_spot_reaches, 1.0, "the hot spot reaches"),
        (hottest, expects.hot_spot_stays_below, -1.0, "the hot spot reaches"),
        (fullest, expects.zones_stay_below, -1.0, "a zone's mean reaches"),
    ):
        if bound is not None and sign * value < sign * bound:
            kept = "at least" if sign > 0 else "less than"
            raise PromiseBroken(
                f"story {story.story}: {what} {value:.2f} per m2, it promises {kept} {bound:g}; change flows or seed"
            )


class Shooting:
    """One camera of a story: `frame(i, t)` gives the picture and its truth."""

    def __init__(self, made: Set, site: SharedSite, camera: str) -> None:
        self.made, self.camera = made, camera
        self.plan = made.layout.cameras[camera]
        self.view = true_site.view_of(self.plan)
        objects = {name: mesh.mesh for name, mesh in made.vehicles.items()} | {
            name: prop() for name, prop in PROPS.items()
        }
        self.renderer = Renderer(made.place.mesh, list(made.place.lamps), made.light, made.bodies, objects)
        self.sight = Sight(made.bodies, made.vehicles)
        self.faults = [fault for fault in made.story.faults if fault.camera == camera]
        self.renderer.look_from(self.view)
        empty = cast([], [], made.vehicles, made.numbers)
        bend = Bend(self.view)
        drawn = self.renderer.draw(empty.people, empty.shapes, empty.objects, empty.blobs)
        self.empty = bend.seen(drawn)
        self.ground = TrueGround(site.camera(camera), self.view, self.empty.depth_m, site.cell_m)

    def frame(self, i: int, t_s: float) -> tuple[Picture, FrameTruth]:
        story = self.made.story
        fault = next((f for f in self.faults if f.start_s <= t_s < f.end_s), None)
        state: PictureTruth = "good" if fault is None else fault.kind
        people, vehicles = self.made.world.people(t_s), self.made.world.vehicles(t_s)
        view = self.view.knocked(*KNOCK) if state == "moved" else self.view
        if state == "covered":
            picture = covered(view.height, view.width, (story.seed, i))
            seen = None
        else:
            shown_at = _frozen_at(fault, story) if fault is not None and state == "frozen" else t_s
            seen = self._seen(view, shown_at)
            noise = (story.seed, round(shown_at * 1000.0))
            picture = developed(seen, self.made.light, noise, self._words(shown_at))
        blind = state in ("covered", "frozen")
        here = [one for one in people if not blind]
        persons = self.sight.people(here, view, seen) if seen is not None and not blind else []
        machines = (
            self.sight.vehicles(vehicles, self.made.numbers, view, seen)
            if seen is not None and not blind
            else []
        )
        grid, outside = self.ground.grid(self._on_ground(people), blind or state == "moved")
        truth = FrameTruth(
            frame=i,
            t_s=t_s,
            captured_at=_instant(story, t_s),
            camera=self.camera,
            picture=state,
            people=persons,
            vehicles=machines,
            grid=grid.to_wire(),
            people_outside_grid=round(outside, 2),
        )
        return picture, truth

    def _on_ground(self, people: list[Somebody]) -> list[Somebody]:
        """Those whose foot point lies on the camera's ground."""
        if not people:
            return []
        pixels = self.view.project(np.array([(one.x_m, one.y_m, 0.0) for one in people]))
        depth = self.view.depth_m(np.array([(one.x_m, one.y_m, 0.0) for one in people]))
        inside = np.isfinite(pixels).all(axis=1) & (depth > 0.5)
        with np.errstate(invalid="ignore"):
            inside &= (pixels[:, 0] >= 0) & (pixels[:, 0] < self.view.width)
            inside &= (pixels[:, 1] >= 0) & (pixels[:, 1] < self.view.height)
        return [one for one, within in zip(people, inside, strict=True) if within]

    def _seen(self, view: View, t_s: float) -> Seen:
        self.renderer.look_from(view)
        people, vehicles = self.made.world.people(t_s), self.made.world.vehicles(t_s)
        rows = cast(people, vehicles, self.made.vehicles, self.made.numbers)
        drawn = self.renderer.draw(rows.people, rows.shapes, rows.objects, rows.blobs)
        return Bend(view).seen(drawn)

    def _words(self, t_s: float) -> str:
        stamp = _instant(self.made.story, t_s)
        return f"{stamp[:10]} {stamp[11:19]}  {self.plan.name.upper()}"


def _frozen_at(fault: Fault, story: Story) -> float:
    """The last moment before the picture froze."""
    before = [t for t in story.frame_times_s() if t < fault.start_s]
    return before[-1] if before else fault.start_s


def _render_camera(
    made: Set, site: SharedSite, camera: str, folder: Path, times: list[float], progress: Progress | None
) -> None:
    pictures = folder / "pictures"
    pictures.mkdir(parents=True, exist_ok=True)
    missing = [i for i in range(len(times)) if not _done(pictures, i)]
    if missing:
        shooting = Shooting(made, site, camera)
        for n, i in enumerate(missing):
            picture, truth = shooting.frame(i, times[i])
            _write_frame(pictures, i, picture, truth, made.story.jpeg_quality)
            if progress is not None:
                progress(camera, len(times) - len(missing) + n + 1, len(times))
        shooting.renderer.close()
    lines = [(pictures / f"{i:06d}.json").read_bytes() + b"\n" for i in range(len(times))]
    half = folder / "truth.half"
    half.write_bytes(b"".join(lines))
    half.replace(folder / "truth.jsonl")
    write_film(folder / "clip.mp4", [pictures / f"{i:06d}.jpg" for i in range(len(times))], times)


def _done(pictures: Path, i: int) -> bool:
    return (pictures / f"{i:06d}.json").is_file() and (pictures / f"{i:06d}.jpg").is_file()


def _write_frame(pictures: Path, i: int, picture: Picture, truth: FrameTruth, quality: int) -> None:
    """Picture first, truth last: where the truth is, the frame is whole."""
    good, jpeg = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not good:
        raise OSError(f"frame {i}: the picture could not be encoded as JPEG")
    for name, content in ((f"{i:06d}.jpg", jpeg.tobytes()), (f"{i:06d}.json", encode(truth))):
        half = pictures / f"{name}.{os.getpid()}.half"
        half.write_bytes(content)
        half.replace(pictures / name)
