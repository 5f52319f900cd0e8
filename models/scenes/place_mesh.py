"""A layout as one still mesh, and the footprints of all that is solid in it."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from models.scenes.meshes import Colour, Mesh, Point, ball, box, flat, prism, tube
from models.scenes.story import Block, Gate, Layout
from models.scenes.textures import LAYER_NUMBER

LAMP_HEIGHT_M: Final = 5.6
LAMP_STRENGTH: Final = 3.2
POST_M: Final = 0.35
"""Side of a gate's posts, drawn and simulated."""
WALL_M: Final = 0.25
FENCE_M: Final = 0.12
STEEL: Final[Colour] = (0.22, 0.23, 0.24)
DARK: Final[Colour] = (0.035, 0.037, 0.04)


@dataclass(frozen=True, slots=True)
class Place:
    """`solid`: footprints, by the block they belong to. `lamps`: x, y, height, strength."""

    mesh: Mesh
    solid: tuple[tuple[str, tuple[Point, ...]], ...]
    lamps: tuple[tuple[float, float, float, float], ...]


def built(layout: Layout, seed: int) -> Place:
    rng = np.random.default_rng([seed, 3])
    parts = [
        flat(
            [(-160, -160), (160, -160), (160, 160), (-160, 160)],
            -0.02,
            (1.0, 1.0, 1.0),
            _layer(layout.base),
            5.0,
        )
    ]
    for i, patch in enumerate(layout.ground):
        z = 0.002 * (i + 1)
        parts.append(flat(patch.polygon, z, (1.0, 1.0, 1.0), _layer(patch.surface), patch.tile_m))
        if patch.surface == "asphalt":
            parts += _markings(patch.polygon, z + 0.004)
    solid: list[tuple[str, tuple[Point, ...]]] = []
    lamps: list[tuple[float, float, float, float]] = []
    for block in layout.blocks:
        meshes, footprints = _block(block, rng)
        parts += meshes
        solid += [(block.kind, tuple(footprint)) for footprint in footprints]
        if block.kind == "lamp":
            lamps += [(x, y, LAMP_HEIGHT_M, LAMP_STRENGTH) for x, y in block.at]
    for gate in layout.gates:
        meshes, footprints = _gate(gate)
        parts += meshes
        solid += [("gate", tuple(footprint)) for footprint in footprints]
    return Place(Mesh.joined(parts), tuple(solid), tuple(lamps))


def _layer(name: str) -> float:
    return float(LAYER_NUMBER[name])


def _markings(polygon: tuple[Point, ...], z_m: float) -> list[Mesh]:
    """A broken white line along the longer middle of a road of four corners, and kerbs along its sides."""
    if len(polygon) != 4:
        return []
    corners = [np.array(p, np.float64) for p in polygon]
    if np.linalg.norm(corners[1] - corners[0]) < np.linalg.norm(corners[2] - corners[1]):
        corners = corners[1:] + corners[:1]
    start, end = (corners[0] + corners[3]) / 2.0, (corners[1] + corners[2]) / 2.0
    length = float(np.linalg.norm(end - start))
    way = (end - start) / length
    turn = math.degrees(math.atan2(way[1], way[0]))
    meshes = []
    if np.linalg.norm(corners[3] - corners[0]) > 5.0:
        for k in range(int(length // 6.0)):
            at = start + way * (k * 6.0 + 2.0)
            stripe = flat([(-1.2, -0.06), (1.2, -0.06), (1.2, 0.06), (-1.2, 0.06)], z_m, (0.62, 0.62, 0.60))
            meshes.append(stripe.placed(float(at[0]), float(at[1]), 0.0, turn))
    for a, b in ((corners[0], corners[1]), (corners[3], corners[2])):
        middle = (a + b) / 2.0
        kerb = box((length, 0.28, 0.07), (0.42, 0.41, 0.40))
        meshes.append(kerb.placed(float(middle[0]), float(middle[1]), 0.0, turn))
    return meshes


def _block(block: Block, rng: np.random.Generator) -> tuple[list[Mesh], list[list[Point]]]:
    if block.kind == "building":
        return _building(block)
    if block.kind in ("wall", "fence"):
        return _barrier(block)
    meshes, footprints = [], []
    for x, y in block.at:
        made, (length, width) = _THINGS[block.kind](rng, block)
        meshes.append(made.placed(x, y, 0.0, block.turn_deg))
        footprints.append(_rectangle((x, y), length, width, block.turn_deg))
    return meshes, footprints


def _rectangle(at: Point, length: float, width: float, turn_deg: float) -> list[Point]:
    c, s = math.cos(math.radians(turn_deg)), math.sin(math.radians(turn_deg))
    return [
        (at[0] + c * dx - s * dy, at[1] + s * dx + c * dy)
        for dx, dy in (
            (-length / 2, -width / 2),
            (length / 2, -width / 2),
            (length / 2, width / 2),
            (-length / 2, width / 2),
        )
    ]


def _building(block: Block) -> tuple[list[Mesh], list[list[Point]]]:
    polygon = block.polygon or ()
    low = 4.0 if block.shops else 0.0
    meshes = [
        prism(
            polygon, low, block.height_m, block.tint, _layer(block.front), 12.0, _layer("roof"), (1.0, 1.0, 1.0),
            tile_height_m=9.6,
        ),
        _rim(polygon, block.height_m),
    ]  # fmt: skip
    if block.shops:
        meshes.append(prism(polygon, 0.0, 4.0, (1.0, 1.0, 1.0), _layer("shop"), 22.0, tile_height_m=4.0))
        meshes.append(_rim(polygon, 4.0))
    return meshes, [list(polygon)]


def _rim(polygon: tuple[Point, ...], z_m: float) -> Mesh:
    """A cornice: a band that juts out a little."""
    middle = np.array(polygon).mean(axis=0)
    out = [
        (float(m + (p - m) * 1.0 + np.sign(p - m) * 0.18), float(n + (q - n) * 1.0 + np.sign(q - n) * 0.18))
        for (p, q), (m, n) in zip(polygon, [tuple(middle)] * len(polygon), strict=True)
    ]
    return prism(out, z_m - 0.15, z_m + 0.15, (0.46, 0.45, 0.43))


def _barrier(block: Block) -> tuple[list[Mesh], list[list[Point]]]:
    meshes, footprints = [], []
    for (ax, ay), (bx, by) in zip(block.points[:-1], block.points[1:], strict=True):
        length, turn = math.hypot(bx - ax, by - ay), math.degrees(math.atan2(by - ay, bx - ax))
        middle = ((ax + bx) / 2.0, (ay + by) / 2.0)
        if block.kind == "wall":
            outline: list[Point] = [
                (-length / 2, -WALL_M / 2), (length / 2, -WALL_M / 2), (length / 2, WALL_M / 2),
                (-length / 2, WALL_M / 2),
            ]  # fmt: skip
            front = prism(outline, 0.0, block.height_m, block.tint, _layer("concrete"), 3.0)
            cap = box((length + 0.06, WALL_M + 0.1, 0.08), (0.35, 0.34, 0.33), lift=block.height_m)
            meshes.append(Mesh.joined([front, cap]).placed(middle[0], middle[1], 0.0, turn))
        else:
            meshes.append(_fence(length).placed(middle[0], middle[1], 0.0, turn))
        footprints.append(_rectangle(middle, length, WALL_M if block.kind == "wall" else FENCE_M, turn))
    return meshes, footprints


def _fence(length: float) -> Mesh:
    """Crowd barriers set end to end: two rails, bars, feet."""
    parts = [box((length, 0.04, 0.04), STEEL, lift=z) for z in (0.20, 1.06)]
    for k in range(int(length / 0.16) + 1):
        parts.append(box((0.02, 0.02, 0.86), STEEL, lift=0.2).placed(-length / 2 + k * 0.16, 0.0))
    for k in range(int(length / 2.3) + 1):
        parts.append(box((0.05, 0.5, 0.05), STEEL).placed(-length / 2 + k * 2.3, 0.0))
        parts.append(box((0.05, 0.05, 1.1), STEEL).placed(-length / 2 + k * 2.3, 0.0))
    return Mesh.joined(parts)


def _gate(gate: Gate) -> tuple[list[Mesh], list[list[Point]]]:
    (ax, ay), (bx, by) = gate.start, gate.end
    length, turn = math.hypot(bx - ax, by - ay), math.degrees(math.atan2(by - ay, bx - ax))
    way = ((bx - ax) / length, (by - ay) / length)
    meshes, footprints = [], []
    for (x, y), s in ((gate.start, -1.0), (gate.end, 1.0)):
        at = (x + s * way[0] * POST_M / 2, y + s * way[1] * POST_M / 2)
        post = box((POST_M, POST_M, gate.height_m), (0.10, 0.13, 0.17))
        stripe = box((POST_M + 0.02, POST_M + 0.02, 0.25), (0.75, 0.55, 0.06), lift=1.0)
        meshes.append(Mesh.joined([post, stripe]).placed(at[0], at[1], 0.0, turn))
        footprints.append(_rectangle(at, POST_M, POST_M, turn))
    middle = ((ax + bx) / 2.0, (ay + by) / 2.0)
    beam = box((length + 2 * POST_M, 0.30, 0.50), (0.08, 0.20, 0.34), lift=gate.height_m - 0.5)
    sign = box((min(length, 2.4), 0.34, 0.30), (0.70, 0.70, 0.68), lift=gate.height_m - 0.4)
    meshes.append(Mesh.joined([beam, sign]).placed(middle[0], middle[1], 0.0, turn))
    return meshes, footprints


def _tree(rng: np.random.Generator, block: Block) -> tuple[Mesh, tuple[float, float]]:
    height = float(rng.uniform(5.2, 7.2))
    trunk = tube((0, 0, 0), (0.1, 0.05, height * 0.55), 0.16, 0.09, (0.10, 0.075, 0.055))
    way = rng.standard_normal((900, 3))
    way /= np.linalg.norm(way, axis=1, keepdims=True)
    reach = np.sqrt(rng.uniform(0.45, 1.0, (900, 1)))
    spot = way * reach * (1.9, 1.9, 1.75) + (0.0, 0.0, height * 0.72)
    u, v = rng.standard_normal((2, 900, 3)) * 0.20
    leaves = Mesh.of(np.stack([spot - u, spot + u, spot + v], axis=1), None, -1.0, (1.0, 1.0, 1.0))
    shade = 0.55 + 0.27 * way[:, 2:] + rng.uniform(-0.18, 0.18, (900, 1))
    green = np.repeat(np.array([[0.055, 0.10, 0.028]]) * shade, 3, axis=0).astype(np.float32)
    crown = replace(leaves, colours=green)
    up = replace(crown, normals=(crown.points - (0, 0, height * 0.6)) / 2.2)
    soft = replace(
        up, normals=(up.normals / np.linalg.norm(up.normals, axis=1, keepdims=True)).astype(np.float32)
    )
    grate = box((1.2, 1.2, 0.03), (0.07, 0.06, 0.055))
    return Mesh.joined([trunk, soft, grate]), (0.4, 0.4)


def _lamp(rng: np.random.Generator, block: Block) -> tuple[Mesh, tuple[float, float]]:
    pole = tube((0, 0, 0), (0, 0, LAMP_HEIGHT_M), 0.09, 0.05, DARK)
    head = box((0.55, 0.26, 0.10), DARK, lift=LAMP_HEIGHT_M)
    glow = box((0.45, 0.20, 0.03), (0.95, 0.85, 0.62), layer=-2.0, lift=LAMP_HEIGHT_M - 0.03)
    return Mesh.joined([pole, head, glow]), (0.25, 0.25)


def _bench(rng: np.random.Generator, block: Block) -> tuple[Mesh, tuple[float, float]]:
    seat = box((1.8, 0.45, 0.06), (0.8, 0.8, 0.8), _layer("wood"), 1.0, lift=0.42)
    back = box((1.8, 0.06, 0.35), (0.8, 0.8, 0.8), _layer("wood"), 1.0, lift=0.5).placed(0.0, -0.2)
    legs = [box((0.08, 0.4, 0.42), DARK).placed(x, 0.0) for x in (-0.7, 0.7)]
    return Mesh.joined([seat, back, *legs]), (1.8, 0.6)


def _bollard(rng: np.random.Generator, block: Block) -> tuple[Mesh, tuple[float, float]]:
    post = tube((0, 0, 0), (0, 0, 0.88), 0.075, 0.07, (0.30, 0.30, 0.31), sides=10)
    cap = ball((0, 0, 0.88), (0.085, 0.085, 0.05), (0.34, 0.34, 0.35))
    return Mesh.joined([post, cap]), (0.22, 0.22)


def _planter(rng: np.random.Generator, block: Block) -> tuple[Mesh, tuple[float, float]]:
    tub = box((2.2, 1.0, 0.6), (0.8, 0.8, 0.8), _layer("concrete"), 2.0)
    green = [
        ball((float(x), float(rng.uniform(-0.2, 0.2)), 0.75), (0.35, 0.35, 0.3), (0.05, 0.09, 0.03))
        for x in (-0.7, 0.0, 0.7)
    ]
    return Mesh.joined([tub, *green]), (2.2, 1.0)


def _stall(rng: np.random.Generator, block: Block) -> tuple[Mesh, tuple[float, float]]:
    counter = box((3.0, 0.9, 0.9), (0.9, 0.9, 0.9), _layer("wood"), 1.2).placed(0.0, -0.6)
    wares = []
    for _ in range(26):
        x, y = float(rng.uniform(-1.4, 1.4)), float(rng.uniform(-0.95, -0.25))
        tone = tuple(float(v) for v in rng.uniform(0.03, 0.5, 3))
        wares.append(box((0.28, 0.22, 0.16), (tone[0], tone[1], tone[2]), lift=0.9).placed(x, y))
    posts = [tube((x, y, 0), (x, y, 2.3), 0.03, 0.03, STEEL, 6) for x in (-1.45, 1.45) for y in (-1.0, 1.0)]
    roofs = []
    colour = tuple(float(v) for v in rng.uniform(0.55, 1.0, 3))
    for s in (1.0, -1.0):
        corners = [(-1.7, s * 1.3, 2.15), (1.7, s * 1.3, 2.15), (1.7, 0.0, 2.75), (-1.7, 0.0, 2.75)]
        uv = [(0.0, 0.0), (0.85, 0.0), (0.85, 0.3), (0.0, 0.0), (0.85, 0.3), (0.0, 0.3)]
        faces = [(corners[0], corners[1], corners[2]), (corners[0], corners[2], corners[3])]
        if s > 0:
            faces = [(a, c, b) for a, b, c in faces]
            uv = [uv[0], uv[2], uv[1], uv[3], uv[5], uv[4]]
        roofs.append(Mesh.of(faces, uv, _layer("canvas"), (colour[0], colour[1], colour[2])))
    return Mesh.joined([counter, *wares, *posts, *roofs]), (3.2, 2.2)


def _kiosk(rng: np.random.Generator, block: Block) -> tuple[Mesh, tuple[float, float]]:
    hut = box((3.2, 2.6, 2.5), block.tint, _layer("wood"), 1.6)
    hatch = box((2.2, 0.04, 0.9), (0.05, 0.05, 0.06), lift=1.1).placed(0.0, -1.31)
    roof = box((3.7, 3.2, 0.18), (0.12, 0.22, 0.16), lift=2.5)
    return Mesh.joined([hut, hatch, roof]), (3.2, 2.6)


def _shelter(rng: np.random.Generator, block: Block) -> tuple[Mesh, tuple[float, float]]:
    posts = [box((0.1, 0.1, 2.5), DARK).placed(x, y) for x in (-2.4, 0.0, 2.4) for y in (-0.7,)]
    roof = box((5.2, 1.9, 0.12), (0.16, 0.17, 0.19), lift=2.5)
    back = box((4.8, 0.05, 1.7), (0.30, 0.36, 0.40), lift=0.4).placed(0.0, -0.7)
    seat = box((3.0, 0.4, 0.06), STEEL, lift=0.5).placed(0.0, -0.45)
    return Mesh.joined([*posts, roof, back, seat]), (5.0, 1.6)


_THINGS: Final = {
    "tree": _tree,
    "lamp": _lamp,
    "bench": _bench,
    "bollard": _bollard,
    "planter": _planter,
    "stall": _stall,
    "kiosk": _kiosk,
    "shelter": _shelter,
}
