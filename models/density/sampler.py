"""Shoots training samples: an invented place, a camera somewhere in it, a crowd, and where every head is.

Seeds are apart from every story's. Needs graphics, as models/scenes does.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from models.density import crowds, places, sample
from models.density.crowds import TALL_M
from models.density.places import free
from models.scenes.bodies import BodySet, load
from models.scenes.camera import View
from models.scenes.cast import CARRIED, FIRST_VEHICLE, cast
from models.scenes.picture import Bend, Seen, developed
from models.scenes.props import PROPS
from models.scenes.renderer import Renderer
from models.scenes.vehicle_forms import MODELS
from models.scenes.vehicle_mesh import VehicleMesh, built
from models.scenes.world import Somebody

Picture = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float64]

SIZE_PX: Final = (960, 544)
"""Width and height of a sample."""
SMALLEST_TALL_PX, LARGEST_TALL_PX = 26.0, 330.0
"""Height of a person in the middle of the picture; their head is about an eighth of it."""
NEARER_M: Final = 0.35
SEED: Final = 20_000_003
"""No story has such a seed."""
UMBRELLAS_IN_RAIN, UMBRELLAS_IN_SUN = 0.4, 0.01


class Sampler:
    """Makes samples of a seed. Needs graphics (models/scenes) and the bodies' data."""

    def __init__(self, seed: int = SEED) -> None:
        """Raises HumanDataMissing."""
        self.seed = seed
        self.bodies: BodySet = load()
        self.meshes: dict[str, VehicleMesh] = {model: built(model) for model in MODELS}
        self.objects = {name: mesh.mesh for name, mesh in self.meshes.items()} | {
            name: prop() for name, prop in PROPS.items()
        }

    def place(self, index: int) -> Iterator[sample.Sample]:
        """All samples of one place, the same for the same seed and index. Raises NoGraphics."""
        place = places.sampled(self.seed, index, self.meshes)
        renderer = Renderer(place.place.mesh, list(place.place.lamps), place.light, self.bodies, self.objects)
        try:
            for k in range(sample.VIEWS_A_PLACE):
                view, middle, reach_m = _view(np.random.default_rng([self.seed, index, 2, k]), place)
                renderer.look_from(view)
                yield from self._crowds(index, k, place, renderer, view, middle, reach_m)
        finally:
            renderer.close()

    def _crowds(
        self,
        index: int,
        k: int,
        place: places.SampledPlace,
        renderer: Renderer,
        view: View,
        middle: Floats,
        reach_m: float,
    ) -> Iterator[sample.Sample]:
        numbers = {ride.drive.id: FIRST_VEHICLE + i for i, (ride, _) in enumerate(place.parked)}
        umbrellas = UMBRELLAS_IN_RAIN if place.light.rain else UMBRELLAS_IN_SUN
        still: npt.NDArray[np.float32] | None = None
        for crowd in range(sample.CROWDS_A_VIEW + 1):
            seed = (self.seed, index, 3, k, crowd)
            people = (
                crowds.sampled(seed, place, middle, reach_m, self.bodies, umbrellas)
                if still is not None
                else []
            )
            rows = cast(people, list(place.parked), self.meshes, numbers)
            drawn = renderer.draw(rows.people, rows.shapes, rows.objects, rows.blobs)
            seen = Bend(view).seen(drawn)
            if still is None:
                still = seen.depth_m
            picture = developed(seen, place.light, (*seed, 4), None)
            yield self._sample(people, view, seen, still, picture)

    def _sample(
        self, people: list[Somebody], view: View, seen: Seen, still: npt.NDArray[np.float32], picture: Picture
    ) -> sample.Sample:
        shown = (seen.number > 0) & ((seen.number < FIRST_VEHICLE) | (seen.number >= CARRIED))
        mask = np.where(shown, np.uint8(255), np.uint8(0))
        if not people:
            return sample.Sample(picture, mask, np.zeros((0, 2), np.float32), np.zeros(0, np.float32))
        heads = np.array([_head_m(one, self.bodies) for one in people])
        heads_px, depth = view.project(heads), view.depth_m(heads)
        inside = np.isfinite(heads_px).all(axis=1) & (depth > 1.0)
        spots = np.nan_to_num(heads_px, nan=-1.0)
        inside &= (spots >= 0.0).all(axis=1) & (spots < (view.width, view.height)).all(axis=1)
        spots, depth = spots[inside], depth[inside]
        column, row = spots[:, 0].astype(np.int64), spots[:, 1].astype(np.int64)
        open_sight = still[row, column] > depth - NEARER_M
        tall = TALL_M * view.focal_px / depth
        return sample.Sample(
            picture, mask, spots[open_sight].astype(np.float32), tall[open_sight].astype(np.float32)
        )


def _head_m(one: Somebody, bodies: BodySet) -> tuple[float, float, float]:
    """The middle of a person's head in site metres."""
    body = bodies.bodies[one.look.shape]
    left, up, ahead = body.points[one.frames[0], body.head].astype(np.float64).mean(axis=0) * one.look.scale
    c, s = math.cos(one.heading_rad), math.sin(one.heading_rad)
    return one.x_m + c * ahead - s * left, one.y_m + s * ahead + c * left, float(up)


def _view(rng: np.random.Generator, place: places.SampledPlace) -> tuple[View, Floats, float]:
    """A camera, the ground point it looks at, and how far around that point its crowd is spread."""
    width = SIZE_PX[0]
    for _ in range(200):
        up_m = float(np.exp(rng.uniform(math.log(3.0), math.log(24.0))))
        eye = rng.uniform(-1.0, 1.0, 2) * (place.half_m + 3.0)
        middle = rng.uniform(-0.8, 0.8, 2) * place.half_m
        away = float(np.hypot(*(middle - eye)))
        distance = math.hypot(away, up_m)
        if away < 2.0 or up_m / away < 0.12 or not free(eye[None], place.solids)[0]:
            continue
        tall = float(np.exp(rng.uniform(math.log(SMALLEST_TALL_PX), math.log(LARGEST_TALL_PX))))
        across = math.degrees(2.0 * math.atan(width / 2.0 / (tall * distance / TALL_M)))
        if not 14.0 < across < 104.0:
            continue
        view = View.towards(
            (float(eye[0]), float(eye[1]), up_m), (float(middle[0]), float(middle[1])), across, SIZE_PX
        )
        wide_m = width / (tall / TALL_M)
        return view.knocked(0.0, 0.0, float(rng.normal(0.0, 2.0))), middle, min(wide_m * 0.6, place.half_m)
    raise ValueError(f"no view found in a place of {place.half_m:.0f} m")


Progress = Callable[[int, int], None]
"""(done, of)."""


def write(folder: Path, count: int, progress: Progress | None = None, seed: int = SEED) -> None:
    """Make samples 0 to `count`, those that are not there yet, whole places at a time.

    Raises HumanDataMissing, NoGraphics, OSError.
    """
    folder.mkdir(parents=True, exist_ok=True)
    sampler: Sampler | None = None
    for index in range(math.ceil(count / sample.SAMPLES_A_PLACE)):
        first = index * sample.SAMPLES_A_PLACE
        wanted = range(first, min(first + sample.SAMPLES_A_PLACE, count))
        if not all(sample.path_of(folder, i).with_suffix(".npz").is_file() for i in wanted):
            sampler = sampler or Sampler(seed)
            for i, shot in zip(wanted, sampler.place(index), strict=False):
                sample.write_one(sample.path_of(folder, i), shot)
                if progress is not None:
                    progress(i + 1, count)
        if progress is not None:
            progress(wanted[-1] + 1, count)
