"""Frames of one camera's footage, masked before anything looks at them or writes them."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from contract.site_file import Camera
from edge.address import redacted
from edge.camera import CameraReader
from edge.config import CameraChoice, Source
from edge.masks import Masks
from edge.sighting import SHAPE_TOLERANCE
from models.calibrate.marks import PICTURE_SUFFIXES, MarksUnusable, pictures_in

Picture = NDArray[np.uint8]

CANDIDATES_A_FRAME: Final = 4
"""Frames looked at for each one that is chosen. [E]"""
FIRST_WAIT_S: Final = 30.0
STREAMS: Final = ("rtsp://", "rtsps://")


@dataclass(frozen=True, slots=True)
class Recording:
    """A video file or a folder of pictures. `at_s`: times that frames can be asked for, rising."""

    path: Path
    at_s: tuple[float, ...]
    pictures: tuple[Path, ...] = ()

    def frames(self, wanted: Sequence[int]) -> Iterator[Picture]:
        """The frames at these places of `at_s`, in that order. Raises MarksUnusable."""
        if self.pictures:
            yield from (read_picture(self.pictures[i]) for i in wanted)
            return
        try:
            with av.open(str(self.path)) as container:
                stream = container.streams.video[0]
                stream.codec_context.thread_count = 1
                for i in wanted:
                    yield _at(container, stream, self.at_s[i])
        except (av.FFmpegError, OSError, StopIteration) as wrong:
            raise MarksUnusable(f"footage {self.path}: cannot be read: {wrong}") from None


def recording(path: Path, wanted: int) -> Recording:
    """A file or folder, with places for four times as many frames as are wanted. Raises MarksUnusable."""
    places = wanted * CANDIDATES_A_FRAME
    if path.is_dir():
        pictures = pictures_in(path)
        if len(pictures) > places:
            step = np.linspace(0, len(pictures) - 1, places).round().astype(int)
            pictures = [pictures[int(i)] for i in step]
        return Recording(path, tuple(float(i) for i in range(len(pictures))), tuple(pictures))
    if not path.is_file():
        raise MarksUnusable(f"footage {path}: there is no such file or folder")
    if path.suffix.lower() in PICTURE_SUFFIXES:
        raise MarksUnusable(f"footage {path}: is one picture; give a video or a folder of pictures")
    try:
        with av.open(str(path)) as container:
            if not container.streams.video:
                raise MarksUnusable(f"footage {path}: holds no video stream")
            stream = container.streams.video[0]
            if stream.duration is not None and stream.time_base is not None:
                length_s = float(stream.duration * stream.time_base)
            elif container.duration is not None:
                length_s = container.duration / av.time_base
            else:
                raise MarksUnusable(
                    f"footage {path}: does not say how long it is; copy it into an .mp4 or .mkv first"
                )
    except (av.FFmpegError, OSError) as wrong:
        raise MarksUnusable(f"footage {path}: cannot be read: {wrong}") from None
    # The last half per cent may hold no whole frame any more.
    return Recording(path, tuple(np.linspace(0.0, 0.995 * length_s, places).tolist()))


def _at(container: av.container.InputContainer, stream: av.VideoStream, at_s: float) -> Picture:
    """The first frame at or after a time."""
    base = stream.time_base
    assert base is not None
    start = stream.start_time or 0
    container.seek(start + int(at_s / base), stream=stream)
    last: av.VideoFrame | None = None
    for image in container.decode(stream):
        last = image
        if image.pts is None or (image.pts - start) * base >= at_s - 1e-3:
            break
    if last is None:
        raise MarksUnusable(f"footage: no frame at {at_s:.1f} s; is the file cut off?")
    return np.asarray(last.to_ndarray(format="bgr24"), np.uint8)


def stream_frames(
    address: str, camera: Camera, *, every_s: float, wanted: int, wait: Callable[[float], None] = time.sleep
) -> Iterator[Picture]:
    """`wanted` frames of an RTSP camera, one each `every_s`. Raises MarksUnusable when none comes for long."""
    reader = CameraReader(
        CameraChoice(id=camera.id, source=Source(rtsp=address), frames_per_s=1.0),
        replay_start="2026-01-01T00:00:00.000Z",
        arrived=lambda: None,
        wall_ms=lambda: time.time_ns() // 1_000_000,
    )
    reader.start()
    try:
        for i in range(wanted):
            if i:
                wait(every_s)
                reader.take()
            deadline_s = time.monotonic() + FIRST_WAIT_S
            frame = reader.take()
            while frame is None:
                if time.monotonic() > deadline_s:
                    problem = reader.state().problem or "no frame"
                    raise MarksUnusable(f"{redacted(address)}: {problem}")
                wait(0.1)
                frame = reader.take()
            yield frame.picture_bgr
    finally:
        reader.stop()


def masked(picture: Picture, camera: Camera, what: str) -> Picture:
    """The picture with the site file's masks burned in, in place. Raises MarksUnusable where it is of another shape."""
    height, width = picture.shape[:2]
    meant = camera.picture
    if abs(width / height * meant.height / meant.width - 1.0) > SHAPE_TOLERANCE:
        raise MarksUnusable(
            f"{what}: is {width} x {height}, camera {camera.id} was calibrated at {meant.width} x {meant.height}, "
            "another shape; take footage of the calibrated stream"
        )
    Masks.of(camera, width, height).burn(picture)
    return picture


def read_picture(path: Path) -> Picture:
    """uint8 (height, width, 3), blue first. Raises MarksUnusable."""
    found = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if found is None:
        raise MarksUnusable(f"picture {path}: cannot be read; is it a whole PNG or JPEG?")
    return np.ascontiguousarray(found, dtype=np.uint8)


def write_picture(path: Path, picture: Picture) -> None:
    """A PNG, whole or not at all, for the owner's eyes only. Raises OSError."""
    done, content = cv2.imencode(".png", picture)
    if not done:
        raise OSError(f"picture {path}: cannot be encoded")
    half = path.with_name(f".{path.name}.half")
    descriptor = os.open(half, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content.tobytes())
    half.replace(path)
