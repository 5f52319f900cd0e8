"""A camera as the agent sees it: one reader thread, the newest frame, and whether it still lives.

Live sources: the newest frame wins, a lost stream is opened again after a jittered wait. Footage in real time stands in
for a live camera: paced by its own clock, newest frame wins. Footage at full speed keeps every frame and makes the
reader wait.
"""

from __future__ import annotations

import errno
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import av

from contract.instants import to_ms
from contract.messages import ClockSource
from edge.address import redacted
from edge.backoff import Backoff
from edge.config import CameraChoice, Source
from edge.footage import READ_AHEAD_FRAMES, Footage, FootageUnusable
from edge.frame import Frame
from edge.mjpeg import mjpeg_shots
from edge.rtsp import rtsp_shots
from edge.shot import Shot, picture_of
from edge.usb import usb_shots

STALLED_S: Final = 3.0
"""No frame for this long is a camera that is not there (max(3 s, 3 periods) at the hub). [E]"""
RATE_WINDOW_S: Final = 10.0
STOP_S: Final = 2.0

WHAT_TO_CHECK: Final = {
    "rtsp": "check the RTSP address or the PoE port",
    "mjpeg": "check the HTTP address or the PoE port",
    "usb": "check the cable and that no other program uses the device",
    "file": "check that the file is a video",
}


@dataclass(frozen=True, slots=True)
class CameraState:
    """`problem` is None while frames come. `frames_per_s`: what the source gives. `dropped`: in all, since start."""

    problem: str | None
    frames_per_s: float
    dropped: int
    last_frame_ms: int | None
    clock: ClockSource
    clock_offset_s: float | None
    ended: bool


class CameraReader:
    """Reads one source in its own thread. `arrived` is called from that thread when there is something to take."""

    def __init__(
        self,
        choice: CameraChoice,
        *,
        replay_start: str,
        arrived: Callable[[], None],
        wall_ms: Callable[[], int],
        backoff: Backoff | None = None,
    ) -> None:
        self.choice = choice
        source = choice.source
        self._open = _opener(source, replay_start, wall_ms)
        self._arrived = arrived
        self._backoff = backoff or Backoff()
        self._every = source.file is not None and not source.real_time
        self._paced = source.file is not None and bool(source.real_time)
        self._most = READ_AHEAD_FRAMES if self._every else 1
        self._gap_ms = 0.0 if self._every else 1000.0 / choice.frames_per_s
        self._lock = threading.Condition()
        self._waiting: deque[tuple[Shot, int]] = deque()  # each with the key frames since the one before
        self._missed = 0
        self._key_frames = 0
        self._dropped = 0
        self._problem: str | None = "no frame yet"
        self._check = WHAT_TO_CHECK[source.kind]
        self._last: Shot | None = None
        self._last_seen_s = time.monotonic()
        self._times_s: deque[float] = deque()
        self._kept_ms: int | None = None
        self._ended = False
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._read, name=f"camera {choice.id}", daemon=True)

    def start(self) -> None:
        self._last_seen_s = time.monotonic()
        self._thread.start()

    def halt(self) -> None:
        """Tells the thread to end, and does not wait."""
        self._stop.set()
        with self._lock:
            self._lock.notify_all()

    def stop(self, wait_s: float = STOP_S) -> None:
        """Ends the thread; a blocked network read may keep it a few seconds longer, as a daemon."""
        self.halt()
        self._thread.join(timeout=wait_s)

    def take(self) -> Frame | None:
        """The oldest frame kept, or None. Its picture belongs to the caller."""
        with self._lock:
            if not self._waiting:
                return None
            shot, key_frames = self._waiting.popleft()
            dropped, self._missed = self._missed, 0
            self._lock.notify_all()
        return Frame(picture_of(shot.image), shot.captured_ms, shot.clock, dropped, key_frames)

    @property
    def drained(self) -> bool:
        """Footage that is over, with every frame taken."""
        with self._lock:
            return self._ended and not self._waiting

    def state(self) -> CameraState:
        now_s = time.monotonic()
        with self._lock:
            silent_s = now_s - self._last_seen_s
            problem = self._problem
            if not self._ended and not self._every and silent_s >= STALLED_S:
                said = problem or "the stream stands still"
                problem = f"camera {self.choice.id}: no frame for {silent_s:.0f} s ({said}); {self._check}"
            elif self._last is not None and not self._ended:
                problem = None
            while self._times_s and now_s - self._times_s[0] > RATE_WINDOW_S:
                self._times_s.popleft()
            times = self._times_s
            rate = (
                (len(times) - 1) / (times[-1] - times[0]) if len(times) > 1 and times[-1] > times[0] else 0.0
            )
            last = self._last
            return CameraState(
                problem=problem,
                frames_per_s=round(min(1000.0, rate), 2),
                dropped=self._dropped,
                last_frame_ms=None if last is None else last.captured_ms,
                clock="arrival" if last is None else last.clock,
                clock_offset_s=None if last is None or last.offset_s is None else round(last.offset_s, 3),
                ended=self._ended,
            )

    def _read(self) -> None:
        while not self._stop.is_set():
            try:
                for shot in self._open():
                    if self._stop.is_set():
                        return
                    if self._paced:
                        self._stop.wait(max(0.0, shot.captured_ms / 1000.0 - time.time()))
                    self._keep(shot)
                self._note("the stream ended")
                if self.choice.source.file is not None:
                    self._finish(None)
                    return
            except FootageUnusable as wrong:
                self._finish(str(wrong))
                return
            except (av.FFmpegError, OSError, IndexError) as wrong:
                self._note(*_said(wrong, self.choice.source))
            self._stop.wait(self._backoff.next_s())

    def _keep(self, shot: Shot) -> None:
        with self._lock:
            self._last_seen_s = time.monotonic()
            self._times_s.append(self._last_seen_s)
            if self._last is None:
                self._backoff.succeeded()
            self._last, self._problem = shot, None
            self._key_frames += int(shot.image.key_frame)
            if self._kept_ms is not None and 0 <= shot.captured_ms - self._kept_ms < self._gap_ms * 0.9:
                return  # faster than asked for: not looked at, and not counted as dropped
            self._kept_ms = shot.captured_ms
            while self._every and len(self._waiting) >= self._most and not self._stop.is_set():
                self._lock.wait(0.5)
            while len(self._waiting) >= self._most:
                self._key_frames += self._waiting.popleft()[1]
                self._missed += 1
                self._dropped += 1
            self._waiting.append((shot, self._key_frames))
            self._key_frames = 0
        self._backoff.succeeded()
        self._arrived()

    def _note(self, problem: str, check: str | None = None) -> None:
        with self._lock:
            self._problem, self._check = problem, check or WHAT_TO_CHECK[self.choice.source.kind]

    def _finish(self, problem: str | None) -> None:
        with self._lock:
            self._ended, self._problem = True, problem
        self._arrived()


def _opener(source: Source, replay_start: str, wall_ms: Callable[[], int]) -> Callable[[], Iterator[Shot]]:
    """A function that opens the source and gives its pictures until it breaks."""
    if source.rtsp is not None:
        address, transport = source.rtsp, source.transport or "tcp"
        return lambda: rtsp_shots(address, transport=transport, wall_ms=wall_ms)
    if source.mjpeg is not None:
        mjpeg = source.mjpeg
        return lambda: mjpeg_shots(mjpeg, wall_ms=wall_ms)
    if source.usb is not None:
        device = source.usb
        size_px = None
        if source.width_px is not None and source.height_px is not None:
            size_px = (source.width_px, source.height_px)
        return lambda: usb_shots(device, size_px=size_px, wall_ms=wall_ms)
    assert source.file is not None, "edge.config lets no source through that has no kind"
    file, loop = source.file, bool(source.loop)
    if source.real_time:
        return lambda: Footage(file, start_ms=wall_ms(), loop=loop).shots()
    start_ms = to_ms(source.start or replay_start)
    return lambda: Footage(file, start_ms=start_ms, loop=loop).shots()


def _said(wrong: BaseException, source: Source) -> tuple[str, str | None]:
    """A library's error in words, without secrets, and what to check where it tells that."""
    if isinstance(wrong, av.error.HTTPUnauthorizedError | av.error.HTTPForbiddenError):
        return "it refuses this user or password", "check the user and the password in its address"
    if isinstance(wrong, OSError) and wrong.errno == errno.EPROTONOSUPPORT and source.rtsp is not None:
        tried = source.transport or "tcp"
        return f"it does not send by {tried}", f"set transport: {'udp' if tried == 'tcp' else 'tcp'}"
    if isinstance(wrong, av.error.ExitError):
        return "it does not answer", None
    if isinstance(wrong, IndexError):
        return "it sends no video", None
    text = wrong.strerror if isinstance(wrong, OSError) and wrong.strerror else str(wrong)
    return redacted(text), None
