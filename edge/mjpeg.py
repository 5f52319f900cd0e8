"""HTTP cameras that send motion JPEG (multipart/x-mixed-replace). A picture's time is its arrival."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

import av

from edge.shot import Shot

OPEN_TIMEOUT_S: Final = 10.0
READ_TIMEOUT_S: Final = 5.0


def mjpeg_shots(address: str, *, wall_ms: Callable[[], int]) -> Iterator[Shot]:
    """Pictures of an HTTP stream until it breaks. Raises av.FFmpegError or OSError when it does."""
    options = {"fflags": "nobuffer", "strict_mime_boundary": "0"}
    with av.open(
        address, format="mpjpeg", options=options, timeout=(OPEN_TIMEOUT_S, READ_TIMEOUT_S)
    ) as container:
        for image in container.decode(container.streams.video[0]):
            yield Shot(image, wall_ms(), "arrival")
