"""RTSP cameras: pictures with the time the camera itself took them, from its RTCP sender reports.

libav attaches the sender report to packets as a producer reference time once the first report has come; until then,
and from cameras that send none, a picture's time is its arrival.
"""

from __future__ import annotations

import struct
from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Final

import av

from contract.limits import CLOCK_OFFSET_CORRECTED_S
from edge.shot import Shot

OPEN_TIMEOUT_S: Final = 10.0
READ_TIMEOUT_S: Final = 5.0
REMEMBERED_PACKETS: Final = 256
"""Packets whose times are kept until the decoder gives their pictures: more than any reordering needs. [E]"""
_PRFT_WALLCLOCK: Final = struct.Struct("<q")


def rtsp_shots(address: str, *, transport: str, wall_ms: Callable[[], int]) -> Iterator[Shot]:
    """Pictures of an RTSP stream until it breaks. Raises av.FFmpegError or OSError when it does.

    `wall_ms`: this machine's clock. A camera whose clock is off by more than `CLOCK_OFFSET_CORRECTED_S` is not
    believed: its pictures carry their arrival time, and `offset_s` says by how much it is off.
    """
    # Nobody here asks for the frame rate, and measuring it would keep back the first two seconds of pictures.
    options = {"rtsp_transport": transport, "fflags": "nobuffer", "fpsprobesize": "0"}
    with av.open(address, options=options, timeout=(OPEN_TIMEOUT_S, READ_TIMEOUT_S)) as container:
        stream = container.streams.video[0]
        stream.codec_context.thread_count = 1
        told: OrderedDict[int, int] = OrderedDict()
        for packet in container.demux(stream):
            taken_ms = producer_ms(packet)
            if taken_ms is not None and packet.pts is not None:
                told[packet.pts] = taken_ms
                while len(told) > REMEMBERED_PACKETS:
                    told.popitem(last=False)
            for image in packet.decode():
                arrived_ms = wall_ms()
                camera_ms = told.pop(image.pts, None) if image.pts is not None else None
                if camera_ms is None:
                    yield Shot(image, arrived_ms, "arrival")
                    continue
                offset_s = (camera_ms - arrived_ms) / 1000.0
                if abs(offset_s) > CLOCK_OFFSET_CORRECTED_S:
                    yield Shot(image, arrived_ms, "arrival", offset_s)
                else:
                    yield Shot(image, min(camera_ms, arrived_ms), "rtcp", offset_s)


def producer_ms(packet: av.Packet[av.VideoStream]) -> int | None:
    """Unix ms of a packet's producer reference time, or None when it carries none."""
    if not packet.has_sidedata("prft"):
        return None
    (wallclock_us,) = _PRFT_WALLCLOCK.unpack_from(bytes(packet.get_sidedata("prft")))
    return int(wallclock_us // 1000)
