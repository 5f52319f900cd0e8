"""A made-up scene whose truth is known exactly: a pinhole camera, upright people, clips encoded on the spot."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from contract.site_file import Camera, CountingLine, PictureSize, PointPair, Surface
from edge.detections import Detections

FOCAL_PX, WIDTH, HEIGHT, TILT = 900.0, 768, 576, np.radians(25.0)
HEIGHT_M = 8.0
PERSON_M = 1.65
TOES_M = 0.1


def pixels(points_m, z_m=0.0):
    """Pixels (n, 2) of points at height `z_m`, seen from 8 m above the origin, looking north, 25 degrees down."""
    x, y = np.asarray(points_m, float).reshape(-1, 2).T
    drop = HEIGHT_M - z_m
    depth = y * np.cos(TILT) + drop * np.sin(TILT)
    below = drop * np.cos(TILT) - y * np.sin(TILT)
    return np.stack([FOCAL_PX * x / depth + WIDTH / 2, FOCAL_PX * below / depth + HEIGHT / 2], axis=1)


def person_box(x_m, y_m, height_m=PERSON_M):
    """The box of an upright person 0.5 m wide, whose toes point at the camera."""
    foot, head = pixels([(x_m, y_m)])[0], pixels([(x_m, y_m)], height_m)[0]
    half = abs(pixels([(x_m + 0.25, y_m)])[0][0] - foot[0])
    near = 1.0 - TOES_M / np.hypot(x_m, y_m)
    return [foot[0] - half, head[1], foot[0] + half, pixels([(x_m * near, y_m * near)])[0][1]]


def detections(people=(), vehicles=(), kind=2, score=0.9):
    """Boxes as a detector would give them; `vehicles` all of one kind (2 is a car)."""
    boxes = np.array([*people, *vehicles], np.float32).reshape(-1, 4)
    kinds = np.array([0] * len(people) + [kind] * len(vehicles), np.uint8)
    return Detections(boxes, np.full(len(boxes), score, np.float32), kinds)


PAIRS_M = [(-4.0, 14.0), (4.0, 14.0), (6.0, 30.0), (-6.0, 30.0), (0.0, 20.0)]


def camera(*, masks=(), lines=(), polygon=None, camera_id="gate", agent="east", picture=(WIDTH, HEIGHT)):
    """The camera of `pixels`, calibrated with exact pairs. Another `picture` size scales all of it."""
    across, down = picture[0] / WIDTH, picture[1] / HEIGHT
    border = polygon or ((0.0, 60.0), (WIDTH, 60.0), (WIDTH, HEIGHT), (0.0, HEIGHT))
    points = tuple(
        PointPair(pixel=(float(px[0] * across), float(px[1] * down)), site=m)
        for px, m in zip(pixels(PAIRS_M), PAIRS_M, strict=True)
    )
    return Camera(
        id=camera_id,
        agent=agent,
        name="Gate",
        position_m=(0.0, 0.0),
        height_m=HEIGHT_M,
        picture=PictureSize(width=picture[0], height=picture[1]),
        surfaces=(
            Surface(id="ground", polygon=tuple((x * across, y * down) for x, y in border), points=points),
        ),
        masks=masks,
        lines=tuple(CountingLine(id=name, start=start, end=end) for name, start, end in lines),
    )


def site_yaml(folder: Path, *cameras: Camera) -> Path:
    """A site file with these cameras."""
    import msgspec

    path = folder / "site.yaml"
    site = {
        "schema": 1,
        "site": "square",
        "name": "Square",
        "origin": {"latitude": 45.0, "longitude": 24.0},
        "time_zone": "Europe/Bucharest",
        "cell_m": 2,
        "cameras": [msgspec.to_builtins(one) for one in cameras],
    }
    path.write_text(json.dumps(site), encoding="utf-8")
    return path


def clip(path: Path, pictures, *, frames_per_s=10, codec="libx264", options=None) -> Path:
    """Encodes uint8 (height, width, 3) BGR pictures."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=frames_per_s)
        first = True
        for picture in pictures:
            if first:
                stream.height, stream.width = picture.shape[:2]
                stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
                stream.options = options or ({"preset": "ultrafast"} if codec == "libx264" else {})
                stream.time_base = Fraction(1, frames_per_s)
                first = False
            image = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="bgr24")
            container.mux(stream.encode(image))
        container.mux(stream.encode())
    return path


def noise(seed: int, *, width=320, height=240):
    """One lively picture: a fixed pattern with the noise of a sensor."""
    fixed = np.random.default_rng(7).integers(0, 255, (height // 16, width // 16, 3), dtype=np.uint8)
    picture = np.kron(fixed, np.ones((16, 16, 1), np.uint8)).astype(np.int16)
    picture += np.random.default_rng(seed).integers(-6, 7, picture.shape, dtype=np.int16)
    return np.clip(picture, 0, 255).astype(np.uint8)


def numbered(index: int, *, width=320, height=240):
    """A picture that says which it is: eight squares, white for 1, least significant left."""
    picture = np.full((height, width, 3), 60, np.uint8)
    side = width // 8
    for bit in range(8):
        if index >> bit & 1:
            picture[:side, bit * side : (bit + 1) * side] = 255
    picture[side:, :, 1] = np.random.default_rng(index).integers(
        40, 80, (height - side, width), dtype=np.uint8
    )
    return picture


def number_of(picture) -> int:
    """The index `numbered` drew, after any codec."""
    side = picture.shape[1] // 8
    return sum(
        1 << bit
        for bit in range(8)
        if picture[side // 4 : 3 * side // 4, bit * side + side // 4 : bit * side + 3 * side // 4].mean()
        > 150
    )
