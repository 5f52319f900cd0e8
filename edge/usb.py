"""USB cameras through Video4Linux. A picture's time is its arrival."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import av

from edge.shot import Shot


class DeviceMissing(OSError):
    """No camera at that device; the message says which there are."""


def usb_shots(device: str, *, size_px: tuple[int, int] | None, wall_ms: Callable[[], int]) -> Iterator[Shot]:
    """Pictures of a device such as /dev/video0 until it is unplugged. Raises DeviceMissing, av.FFmpegError, OSError.

    `size_px`: (width, height) asked of the camera; None takes what it offers.
    """
    if not Path(device).exists():
        there = ", ".join(sorted(str(path) for path in Path("/dev").glob("video*"))) or "none"
        raise DeviceMissing(
            f"{device} is not there (video devices here: {there}); plug the camera in, "
            "and add this user to the group video"
        )
    options = {} if size_px is None else {"video_size": f"{size_px[0]}x{size_px[1]}"}
    return device_shots(device, driver="v4l2", options=options, wall_ms=wall_ms)


def device_shots(
    device: str, *, driver: str, options: dict[str, str], wall_ms: Callable[[], int]
) -> Iterator[Shot]:
    """Pictures of any capture device that libavdevice's `driver` reads. Raises av.FFmpegError, OSError."""
    with av.open(device, format=driver, options=options) as container:
        for image in container.decode(container.streams.video[0]):
            yield Shot(image, wall_ms(), "arrival")
