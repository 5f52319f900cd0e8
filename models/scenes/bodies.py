"""Bodies ready to draw: a dozen shapes, each in three levels of detail and in every phase of every movement.

Built once from the CC0 mesh (`human_data`) and kept in the cache folder; a second and a few megabytes.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from models.scenes.decimation import decimate
from models.scenes.gait import CLIPS
from models.scenes.human_data import BaseMesh, Rig, Source, base_mesh, rig, target
from models.scenes.skeleton import Skeleton

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int32]

CACHE_VARIABLE: Final = "ESPLANADE_SCENES_CACHE"
LEVELS: Final = (1500, 560, 200)
"""Triangles of the body in each level of detail; hair and skirt come on top. [E]"""
HAIR_LEVELS: Final = (160, 70, 36)
SKIRT_LEVELS: Final = (260, 120, 60)

SKIN, TOP, FOREARM, THIGH, CALF, SHOE, HAIR, HIP, SKIRT = range(9)
"""Regions of a body: each takes one colour of its wearer's clothes (`wardrobe`)."""


@dataclass(frozen=True, slots=True)
class Shape:
    """One body: which macro targets, how tall, which hair, and how loose the clothes are."""

    name: str
    gender: str
    age: str
    weight: str
    height_m: float
    hair: str
    skirt: bool
    loose_m: float


SHAPES: Final[tuple[Shape, ...]] = (
    Shape("man", "male", "young", "average", 1.77, "short", False, 0.018),
    Shape("man-slim", "male", "young", "min", 1.80, "short", False, 0.012),
    Shape("man-broad", "male", "young", "max", 1.76, "short", False, 0.020),
    Shape("man-old", "male", "old", "average", 1.73, "short", False, 0.024),
    Shape("man-coat", "male", "young", "average", 1.78, "short", False, 0.036),
    Shape("woman", "female", "young", "average", 1.65, "long", False, 0.012),
    Shape("woman-slim", "female", "young", "min", 1.68, "short", False, 0.010),
    Shape("woman-broad", "female", "young", "max", 1.63, "long", False, 0.018),
    Shape("woman-skirt", "female", "young", "average", 1.64, "long", True, 0.010),
    Shape("woman-coat", "female", "old", "average", 1.61, "short", True, 0.030),
    Shape("child", "male", "child", "average", 1.28, "short", False, 0.014),
    Shape("girl", "female", "child", "average", 1.24, "long", False, 0.012),
)


@dataclass(frozen=True, slots=True)
class Body:
    """One shape. `points`, `normals`: float16 (frames, vertices, 3), all clips one after the other.

    `levels`: triangles of each level of detail, coarser ones using a subset of the vertices. `regions`: (vertices,).
    `rest`: (vertices, 3) float32, where a vertex lies on the body, for patterns on cloth. `head`: vertices of the head.
    """

    shape: Shape
    points: npt.NDArray[np.float16]
    normals: npt.NDArray[np.float16]
    levels: tuple[Ints, ...]
    regions: Ints
    rest: npt.NDArray[np.float32]
    head: Ints


@dataclass(frozen=True, slots=True)
class BodySet:
    """All shapes. `first_frame`: each clip's first row. `stride_m`: (shapes, clips), ground covered in one cycle."""

    bodies: tuple[Body, ...]
    first_frame: Ints
    stride_m: Floats


def cache_folder() -> Path:
    given = os.environ.get(CACHE_VARIABLE)
    return Path(given) if given else Path.home() / ".cache" / "esplanade" / "scenes"


def load() -> BodySet:
    """From the cache, or built. Raises HumanDataMissing when there is neither cache nor data."""
    folder = cache_folder()
    path = folder / f"bodies-{_recipe()}.npz"
    if not path.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        _save(path, _build(Source.found()))
    return _read(path)


def _recipe() -> str:
    """First 12 hex of the hash of all code that shapes the bodies: a change builds them anew."""
    digest = hashlib.sha256()
    for name in ("bodies", "decimation", "gait", "human_data", "skeleton"):
        digest.update((Path(__file__).parent / f"{name}.py").read_bytes())
    return digest.hexdigest()[:12]


def _build(source: Source) -> BodySet:
    mesh = base_mesh(source)
    bones = rig(source, mesh)
    faces = mesh.groups["body"]
    vertex_regions = _regions(mesh, bones)
    parts = _parts(mesh, vertex_regions)
    bodies, strides = [], []
    for shape in SHAPES:
        points = _shaped(source, mesh, shape)
        dressed = _dressed(points, faces, mesh.groups["helper-skirt"], vertex_regions, shape)
        body, stride = _baked(shape, points, dressed, bones, parts, vertex_regions)
        bodies.append(body)
        strides.append(stride)
    first = np.cumsum([0] + [clip.frames for clip in CLIPS])[:-1].astype(np.int32)
    return BodySet(tuple(bodies), first, np.array(strides))


def _parts(mesh: BaseMesh, regions: Ints) -> dict[str, list[Ints]]:
    found = {}
    for name, group, targets in (
        ("body", "body", LEVELS),
        ("hair", "helper-hair", HAIR_LEVELS),
        ("skirt", "helper-skirt", SKIRT_LEVELS),
    ):
        used = np.unique(mesh.groups[group])
        number = np.full(mesh.points.shape[0], -1, np.int32)
        number[used] = np.arange(used.shape[0], dtype=np.int32)
        faces = number[mesh.groups[group]]
        if name != "body":
            faces = faces[_kept(mesh.points, mesh.groups[group], name)]
        levels = decimate(mesh.points[used], faces, regions[used], list(targets))
        found[name] = [used[level].astype(np.int32) for level in levels]
    return found


def _kept(points: Floats, faces: Ints, name: str) -> npt.NDArray[np.bool_]:
    """Faces of the loose parts that are worn: hair behind the face, a skirt that ends below the knee."""
    middle = points[faces].mean(axis=1)
    if name == "skirt":
        low, high = float(points[faces, 1].min()), float(points[faces, 1].max())
        return np.asarray(middle[:, 1] > low + 0.30 * (high - low))
    top = float(points[faces, 1].max())
    front, back = float(points[faces, 2].max()), float(points[faces, 2].min())
    ahead = (middle[:, 2] - back) / (front - back)
    return np.asarray((ahead < 0.52) | (middle[:, 1] > top - 0.045))


def _shaped(source: Source, mesh: BaseMesh, shape: Shape) -> Floats:
    """The base mesh with the shape's targets, at the shape's height; feet on y = 0."""
    points = mesh.points.copy()
    n = points.shape[0]
    for race in ("african", "asian", "caucasian"):
        points += target(source, f"{race}-{shape.gender}-{shape.age}", n) / 3.0
    points += target(source, f"universal-{shape.gender}-{shape.age}-averagemuscle-{shape.weight}weight", n)
    used = np.unique(mesh.groups["body"])
    low, high = float(points[used, 1].min()), float(points[used, 1].max())
    points[:, 1] -= low
    return np.asarray(points * (shape.height_m / (high - low)))


def _regions(mesh: BaseMesh, bones: Rig) -> Ints:
    main = [bones.bones[i] for i in bones.weights.argmax(axis=1)]
    regions = np.full(len(main), TOP, np.int32)
    hip_y = float(mesh.points[bones.heads[bones.bones.index("thigh_l")], 1].mean())
    knee_y = float(mesh.points[bones.heads[bones.bones.index("calf_l")], 1].mean())
    for i, bone in enumerate(main):
        y = float(mesh.points[i, 1])
        if bone in ("head", "neck_01") or bone.startswith(
            ("hand", "thumb", "index", "middle", "ring", "pinky")
        ):
            regions[i] = SKIN
        elif bone.startswith("lowerarm"):
            regions[i] = FOREARM
        elif bone.startswith("thigh") or (bone == "pelvis" and y < hip_y + 0.06):
            regions[i] = HIP if y > knee_y + 0.5 * (hip_y - knee_y) else THIGH
        elif bone.startswith("calf"):
            regions[i] = CALF
        elif bone.startswith(("foot", "ball")):
            regions[i] = SHOE
    body = np.unique(mesh.groups["body"])
    head = body[[main[i] == "head" for i in body]]
    y, z = mesh.points[head, 1], mesh.points[head, 2]
    height = (y - y.min()) / (y.max() - y.min())
    front = (z - z.min()) / (z.max() - z.min())
    regions[head[height > 0.26 + 0.62 * front]] = HAIR
    regions[np.unique(mesh.groups["helper-hair"])] = HAIR
    regions[np.unique(mesh.groups["helper-skirt"])] = SKIRT
    return regions


def _dressed(points: Floats, faces: Ints, skirt: Ints, regions: Ints, shape: Shape) -> Floats:
    """Clothes: the clothed skin smoothed and let out along its normals."""
    cloth = np.isin(regions, (TOP, FOREARM, THIGH, CALF, SHOE, HIP))
    smooth = points.copy()
    sums = np.zeros_like(points)
    for _ in range(6):
        sums[:] = 0.0
        count = np.zeros(points.shape[0])
        for a, b in ((0, 1), (1, 2), (2, 0)):
            np.add.at(sums, faces[:, a], smooth[faces[:, b]])
            np.add.at(sums, faces[:, b], smooth[faces[:, a]])
            np.add.at(count, faces[:, a], 1.0)
            np.add.at(count, faces[:, b], 1.0)
        moved = cloth & (count > 0)
        smooth[moved] = 0.4 * smooth[moved] + 0.6 * sums[moved] / count[moved, None]
    normals = _normals(smooth, np.concatenate([faces, skirt]))
    out = np.zeros(points.shape[0])
    for region, share in (
        (TOP, 1.0),
        (FOREARM, 0.7),
        (HIP, 1.0),
        (THIGH, 0.9),
        (CALF, 1.3),
        (SHOE, 0.6),
        (SKIRT, 2.2),
    ):
        out[regions == region] = shape.loose_m * share
    out[regions == HAIR] = 0.012 if shape.hair == "short" else 0.018
    return smooth + normals * out[:, None]


def _normals(points: Floats, faces: Ints) -> Floats:
    a, b, c = (points[faces[:, i]] for i in range(3))
    across = np.cross(b - a, c - a)
    normals = np.zeros_like(points)
    for i in range(3):
        np.add.at(normals, faces[:, i], across)
    return np.asarray(normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12))


def _baked(
    shape: Shape, bare: Floats, dressed: Floats, bones: Rig, parts: dict[str, list[Ints]], regions: Ints
) -> tuple[Body, Floats]:
    names = ["body"] + (["hair"] if shape.hair == "long" else []) + (["skirt"] if shape.skirt else [])
    levels = [np.concatenate([parts[name][level] for name in names]) for level in range(len(LEVELS))]
    used = np.unique(levels[0])
    number = np.full(bare.shape[0], -1, np.int32)
    number[used] = np.arange(used.shape[0], dtype=np.int32)
    faces = [number[level].astype(np.int32) for level in levels]
    skeleton = Skeleton.of(bones, bare)
    weights = bones.weights[used]
    points, normals, strides = [], [], []
    sole = np.flatnonzero((regions[used] == SHOE) & (dressed[used, 0] > 0))
    for clip in CLIPS:
        ankle = []
        for i in range(clip.frames):
            posed = skeleton.posed(dressed[used], weights, clip.pose(i / clip.frames))
            points.append(posed)
            normals.append(_normals(posed, faces[0]))
            ankle.append(float(posed[sole, 2].mean()))
        strides.append(_stride(ankle) if clip.travels else 0.0)
    body = Body(
        shape,
        np.array(points).astype(np.float16),
        np.array(normals).astype(np.float16),
        tuple(faces),
        regions[used].astype(np.int32),
        dressed[used].astype(np.float32),
        np.flatnonzero(bones.weights[used].argmax(axis=1) == bones.bones.index("head")).astype(np.int32),
    )
    return body, np.array(strides)


def _stride(foot_z: list[float]) -> float:
    """Metres per cycle: how fast the left foot goes back in mid-stance, so that it does not slide over the ground."""
    n = len(foot_z)
    start, end = round(0.12 * n), round(0.42 * n)
    return (foot_z[start] - foot_z[end]) / ((end - start) / n)


def _save(path: Path, built: BodySet) -> None:
    arrays: dict[str, npt.NDArray[np.generic]] = {"first": built.first_frame, "stride": built.stride_m}
    for i, body in enumerate(built.bodies):
        arrays |= {
            f"p{i}": body.points,
            f"n{i}": body.normals,
            f"r{i}": body.regions,
            f"s{i}": body.rest,
            f"h{i}": body.head,
        }
        arrays |= {f"l{i}_{level}": faces for level, faces in enumerate(body.levels)}
    half = path.with_suffix(f".{os.getpid()}.npz")
    np.savez_compressed(half, **arrays)  # type: ignore[arg-type]
    half.replace(path)


def _read(path: Path) -> BodySet:
    with np.load(path) as kept:
        bodies = tuple(
            Body(
                shape,
                kept[f"p{i}"],
                kept[f"n{i}"],
                tuple(kept[f"l{i}_{level}"] for level in range(len(LEVELS))),
                kept[f"r{i}"],
                kept[f"s{i}"],
                kept[f"h{i}"],
            )
            for i, shape in enumerate(SHAPES)
        )
        return BodySet(bodies, kept["first"], kept["stride"])
