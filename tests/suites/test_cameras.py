"""One suite over every source: file, RTSP, HTTP motion JPEG, USB."""

from __future__ import annotations

import itertools
import threading
import time
from pathlib import Path

import msgspec
import pytest

from edge.backoff import Backoff
from edge.camera import STALLED_S, CameraReader
from edge.config import CameraChoice
from edge.footage import Footage, FootageUnusable, read_ahead
from tests.kit import edge_scene as scene
from tests.kit.edge_cameras import MjpegCamera, RtspCamera

START = "2026-06-20T18:00:00.000Z"
START_MS = 1_781_978_400_000


def wall_ms():
    return time.time_ns() // 1_000_000


def reader(source, arrived=lambda: None, frames_per_s=60.0, clock=wall_ms):
    choice = msgspec.convert({"id": "gate", "source": source, "frames_per_s": frames_per_s}, CameraChoice)
    return CameraReader(
        choice,
        replay_start=START,
        arrived=arrived,
        wall_ms=clock,
        backoff=Backoff(first_s=0.1, most_s=0.3, draw=lambda: 0.5),
    )


class Paced:
    """Footage in real time, looped."""

    name, clock = "file", "media"

    def __init__(self, folder):
        self._file = scene.clip(folder / "clip.mp4", (scene.numbered(i) for i in range(20)))

    def source(self):
        return {"file": str(self._file), "real_time": True, "loop": True}

    def start(self):
        pass

    def stop(self):
        pass


class UsbCamera:
    name, clock = "usb", "arrival"

    def source(self):
        return {"usb": "/dev/video0"}

    def start(self):
        pass

    def stop(self):
        pass


@pytest.fixture(params=["file", "mjpeg", "rtsp", "usb"])
def camera(request, tmp_path, require_part):
    if request.param == "rtsp":
        require_part("RTSP server", RtspCamera.found(), "apt-get install rtsp-server-perl")
        made = RtspCamera(tmp_path)
    elif request.param == "mjpeg":
        made = MjpegCamera()
    elif request.param == "usb":
        if not Path("/dev/video0").exists():
            pytest.skip("no USB camera at /dev/video0; what can be tested without one is tested below")
        made = UsbCamera()
    else:
        made = Paced(tmp_path)
    made.start()
    yield made
    made.stop()


@pytest.fixture(params=["mjpeg", "rtsp"])
def network_camera(request, tmp_path, require_part):
    if request.param == "rtsp":
        require_part("RTSP server", RtspCamera.found(), "apt-get install rtsp-server-perl")
    made = RtspCamera(tmp_path) if request.param == "rtsp" else MjpegCamera()
    made.start()
    yield made
    made.stop()


def frames_of(one, n, timeout_s=20.0):
    """The next `n` frames that can be taken."""
    found = []
    deadline = time.monotonic() + timeout_s
    while len(found) < n:
        frame = one.take()
        if frame is None:
            assert time.monotonic() < deadline, f"{len(found)} frames of {n}: {one.state()}"
            time.sleep(0.005)
        else:
            found.append(frame)
    return found


def test_frames_come_with_rising_times(camera):
    arrived = threading.Event()
    one = reader(camera.source(), arrived.set)
    one.start()
    try:
        frames = frames_of(one, 12)
        assert arrived.is_set()
        times = [frame.captured_ms for frame in frames]
        assert times == sorted(times)
        assert len(set(times)) == len(times)
        assert abs(wall_ms() - times[-1]) < 2_000
        assert frames[0].picture_bgr.ndim == 3
        deadline = time.monotonic() + 15.0
        while one.state().clock != camera.clock:  # sender reports come every few seconds
            assert time.monotonic() < deadline, one.state()
            (last,) = frames_of(one, 1)
        if camera.name == "rtsp":
            assert -2.0 < one.state().clock_offset_s <= 0.1
            assert 0 <= wall_ms() - last.captured_ms < 2_000
        state = one.state()
        assert state.problem is None
        assert state.clock == camera.clock
        if camera.name != "usb":
            assert state.frames_per_s == pytest.approx(10.0, abs=3.0)
            numbers = [scene.number_of(frame.picture_bgr) for frame in frames]
            steps = {(b - a) % (20 if camera.name == "file" else 40) for a, b in itertools.pairwise(numbers)}
            assert steps <= {1, 2, 3}, f"pictures in order: {numbers}"
    finally:
        one.stop()


def test_the_newest_frame_wins_and_the_others_are_counted(network_camera):
    one = reader(network_camera.source())
    one.start()
    try:
        frames_of(one, 1)
        time.sleep(1.0)
        (late,) = frames_of(one, 1)
        assert wall_ms() - late.captured_ms < 500
        assert late.dropped >= 5
        assert one.state().dropped >= 5
    finally:
        one.stop()


def test_not_more_frames_than_asked_for(camera):
    one = reader(camera.source(), frames_per_s=2.0)
    one.start()
    try:
        frames = frames_of(one, 4)
        gaps = [b.captured_ms - a.captured_ms for a, b in itertools.pairwise(frames)]
        assert min(gaps) >= 400
        assert sum(frame.dropped for frame in frames) == 0, "what was not asked for is not dropped"
    finally:
        one.stop()


def test_a_camera_that_goes_away_comes_back(network_camera):
    one = reader(network_camera.source())
    one.start()
    try:
        frames_of(one, 3)
        network_camera.stop()
        deadline = time.monotonic() + 15.0
        while one.state().problem is None:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        problem = one.state().problem
        assert "camera gate: no frame for" in problem
        assert "check the" in problem
        assert "hunter2" not in problem
        while one.take() is not None:
            pass
        network_camera.start()
        assert frames_of(one, 3, timeout_s=30.0)
        assert one.state().problem is None
    finally:
        one.stop()


def test_a_stream_that_stands_still_is_noticed(network_camera):
    one = reader(network_camera.source())
    one.start()
    try:
        frames_of(one, 3)
        network_camera.paused.set()
        began = time.monotonic()
        while one.state().problem is None:
            assert time.monotonic() - began < STALLED_S + 2.0
            time.sleep(0.05)
        assert time.monotonic() - began > STALLED_S - 0.5
        network_camera.paused.clear()
        while one.take() is not None:
            pass
        frames_of(one, 2, timeout_s=30.0)
        assert one.state().problem is None
    finally:
        one.stop()


def test_a_camera_that_never_answers_says_so_without_its_password(free_port, caplog):
    one = reader({"rtsp": f"rtsp://viewer:hunter2@127.0.0.1:{free_port()}/cam"})
    one.start()
    try:
        deadline = time.monotonic() + 10.0
        while "no frame for" not in (one.state().problem or ""):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        problem = one.state().problem
        assert "refused" in problem.lower()
        assert "check the RTSP address or the PoE port" in problem
        assert "hunter2" not in problem + caplog.text
    finally:
        one.stop()


def test_a_camera_with_a_wrong_clock_is_not_believed(tmp_path, require_part):
    require_part("RTSP server", RtspCamera.found(), "apt-get install rtsp-server-perl")
    camera = RtspCamera(tmp_path)
    camera.start()
    one = reader(camera.source(), clock=lambda: wall_ms() + 3_600_000)  # ours is the clock to go by
    one.start()
    try:
        deadline = time.monotonic() + 20.0
        while one.state().clock_offset_s is None:
            assert time.monotonic() < deadline
            (last,) = frames_of(one, 1)
        assert one.state().clock_offset_s == pytest.approx(-3600.0, abs=2.0)
        (last,) = frames_of(one, 1)
        assert last.clock == "arrival"
        assert abs(last.captured_ms - wall_ms() - 3_600_000) < 2_000
    finally:
        one.stop()
        camera.stop()


def test_a_missing_usb_camera_says_what_to_do():
    one = reader({"usb": "/dev/video97"})
    one.start()
    try:
        deadline = time.monotonic() + 10.0
        while "no frame for" not in (one.state().problem or ""):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        problem = one.state().problem
        assert "/dev/video97 is not there" in problem
        assert "check the cable" in problem
    finally:
        one.stop()


def test_a_device_that_is_no_camera_is_an_error_not_a_crash():
    one = reader({"usb": "/dev/null"})
    one.start()
    try:
        deadline = time.monotonic() + 10.0
        while "no frame for" not in (one.state().problem or ""):
            assert time.monotonic() < deadline
            time.sleep(0.05)
    finally:
        one.stop()


# Footage: every frame, on media time.


@pytest.mark.parametrize("codec", ["libx264", "mjpeg"])
def test_a_file_gives_every_frame_once_on_media_time(tmp_path, codec):
    path = scene.clip(tmp_path / "clip.mkv", (scene.numbered(i) for i in range(60)), codec=codec)
    frames = list(read_ahead(Footage(path, start_ms=START_MS)))
    assert [scene.number_of(frame.picture_bgr) for frame in frames] == list(range(60))
    assert [frame.captured_ms - START_MS for frame in frames] == [100 * i for i in range(60)]
    assert {frame.clock for frame in frames} == {"media"}


def test_a_looped_file_goes_on_in_time(tmp_path):
    path = scene.clip(tmp_path / "clip.mp4", (scene.numbered(i) for i in range(10)))
    frames = []
    for frame in read_ahead(Footage(path, start_ms=START_MS, loop=True)):
        frames.append(frame)
        if len(frames) == 35:
            break
    assert [scene.number_of(frame.picture_bgr) for frame in frames] == [i % 10 for i in range(35)]
    assert [frame.captured_ms - START_MS for frame in frames] == [100 * i for i in range(35)]


def test_a_slow_taker_at_full_speed_still_gets_every_frame(tmp_path):
    path = scene.clip(tmp_path / "clip.mp4", (scene.numbered(i) for i in range(30)))
    one = reader({"file": str(path), "start": START}, frames_per_s=5.0)
    one.start()
    try:
        frames = []
        while not one.drained:
            frame = one.take()
            if frame is not None:
                frames.append(frame)
            time.sleep(0.01)
        assert [scene.number_of(frame.picture_bgr) for frame in frames] == list(range(30))
        assert frames[0].captured_ms == START_MS
        assert sum(frame.dropped for frame in frames) == 0
        assert one.state().ended
    finally:
        one.stop()


def test_what_is_no_video_is_said(tmp_path):
    text = tmp_path / "notes.mp4"
    text.write_text("not a video")
    with pytest.raises(FootageUnusable, match=r"notes\.mp4"):
        list(read_ahead(Footage(text, start_ms=0)))
    with pytest.raises(FootageUnusable, match=r"gone\.mp4"):
        list(Footage(tmp_path / "gone.mp4", start_ms=0))
    one = reader({"file": str(text)})
    one.start()
    deadline = time.monotonic() + 10.0
    while not one.drained:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert "notes.mp4" in one.state().problem
    one.stop()


def test_a_reader_that_stops_early_leaves_no_thread(tmp_path):
    path = scene.clip(tmp_path / "clip.mp4", (scene.numbered(i) for i in range(60)))
    frames = read_ahead(Footage(path, start_ms=0))
    next(frames)
    frames.close()
    assert not any(thread.name.startswith("decode clip") for thread in threading.enumerate())
