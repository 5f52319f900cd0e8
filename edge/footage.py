"""A recording as frames: every frame, on media time."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import av

from edge.frame import Frame
from edge.shot import Shot, picture_of

READ_AHEAD_FRAMES: Final = 4
"""Decoded pictures waiting for the detector: enough to hide a slow key frame, little enough for a small board. [E]"""


class FootageUnusable(ValueError):
    """A recording that cannot be read. The message names the file and what to do."""


class Footage:
    """All frames of one recording, in order. Media time begins at `start_ms` and only rises, also over `loop`."""

    def __init__(self, path: Path | str, *, start_ms: int, loop: bool = False) -> None:
        self.path = Path(path)
        self.start_ms = start_ms
        self.loop = loop

    def __iter__(self) -> Iterator[Frame]:
        """Decodes frame by frame in the caller's thread. Raises FootageUnusable."""
        for shot in self.shots():
            yield Frame(
                picture_of(shot.image), shot.captured_ms, shot.clock, key_frames=int(shot.image.key_frame)
            )

    def shots(self) -> Iterator[Shot]:
        """The same frames before their colours are converted. Raises FootageUnusable."""
        begin_s = 0.0
        while True:
            frames = 0
            end_s = 0.0
            for image, media_s, step_s in self._one_pass():
                yield Shot(image, self.start_ms + round((begin_s + media_s) * 1000), "media")
                frames += 1
                end_s = media_s + step_s
            if frames == 0:
                raise FootageUnusable(f"footage {self.path}: holds no pictures; is it a video file?")
            if not self.loop:
                return
            begin_s += end_s

    def _one_pass(self) -> Iterator[tuple[av.VideoFrame, float, float]]:
        """Picture, seconds since the first picture, seconds that it lasts."""
        try:
            with av.open(str(self.path)) as container:
                if not container.streams.video:
                    raise FootageUnusable(f"footage {self.path}: holds no video stream; is it a video file?")
                stream = container.streams.video[0]
                # One decoder thread: the cores belong to the detector.
                stream.codec_context.thread_count = 1
                step_s = float(1 / stream.average_rate) if stream.average_rate else 0.1
                first_s: float | None = None
                media_s = -step_s
                for image in container.decode(stream):
                    if image.pts is None or image.time_base is None:
                        media_s += step_s
                    else:
                        at_s = float(image.pts * image.time_base)
                        first_s = at_s if first_s is None else first_s
                        # A recording whose clock jumps back still moves forward here.
                        media_s = max(at_s - first_s, media_s + 1e-3)
                    yield image, media_s, step_s
        except (av.FFmpegError, OSError) as wrong:
            raise FootageUnusable(f"footage {self.path}: cannot be read: {wrong.strerror or wrong}") from None


def read_ahead(footage: Footage, depth: int = READ_AHEAD_FRAMES) -> Iterator[Frame]:
    """The same frames in the same order, decoded in a second thread while the caller works on the one before."""
    waiting: queue.Queue[Frame | BaseException | None] = queue.Queue(depth)
    closing = threading.Event()

    def put(item: Frame | BaseException | None) -> None:
        while not closing.is_set():
            try:
                return waiting.put(item, timeout=0.1)
            except queue.Full:
                continue

    def decode() -> None:
        try:
            for frame in footage:
                put(frame)
                if closing.is_set():
                    return
            put(None)
        except BaseException as wrong:  # noqa: BLE001 - handed to the thread that reads
            put(wrong)

    thread = threading.Thread(target=decode, name=f"decode {footage.path.name}", daemon=True)
    thread.start()
    try:
        while True:
            item = waiting.get()
            if item is None:
                return
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        closing.set()
        thread.join()
