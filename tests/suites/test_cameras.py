"""One suite over every live source: RTSP, HTTP motion JPEG, USB, and a file in real time."""

from __future__ import annotations

import itertools
import threading
import time
from pathlib import Path

import pytest

from edge.backoff import Backoff
from edge.camera import STALLED_S
from edge.usb import device_shots
from tests.kit import edge_scene as scene
from tests.kit.edge_cameras import PASSWORD, RTSP_HOW, MjpegCamera, RtspCamera, reader, wall_ms


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


USB_DEVICE = "/dev/video0"


class UsbCamera:
    """The one plugged in."""

    name, clock = "usb", "arrival"

    def source(self):
        return {"usb": USB_DEVICE}

    def start(self):
        if not Path(USB_DEVICE).exists():
            pytest.fail(f"no camera at {USB_DEVICE}: plug one in", pytrace=False)

    def stop(self):
        pass


class DrawnDevice:
    """A capture device drawn by libavdevice itself: all of a USB camera's way but Video4Linux. Unplugged after 5 s."""

    name, clock = "device", "arrival"
    graph = "testsrc2=size=320x240:rate=10:duration=5,realtime"

    def __init__(self, monkeypatch):
        monkeypatch.setattr("edge.camera.usb_shots", self._shots)

    def _shots(self, device, *, size_px, wall_ms):
        assert (device, size_px) == (USB_DEVICE, None)
        return device_shots(self.graph, driver="lavfi", options={}, wall_ms=wall_ms)

    def source(self):
        return {"usb": USB_DEVICE}

    def start(self):
        pass

    def stop(self):
        pass


@pytest.fixture
def rtsp_camera(tmp_path, require_part):
    """A function that starts an RTSP camera; what it started ends with the test."""
    require_part("GStreamer's RTSP server", RtspCamera.found(), RTSP_HOW)
    made = []

    def start(**asked):
        made.append(RtspCamera(tmp_path, **asked))
        made[-1].start()
        return made[-1]

    yield start
    for camera in made:
        camera.stop()


def started(name, request):
    """The camera of that name, running."""
    if name.startswith("rtsp-"):
        return request.getfixturevalue("rtsp_camera")(transport=name.removeprefix("rtsp-"))
    if name == "mjpeg":
        camera = MjpegCamera()
    elif name == "usb":
        camera = UsbCamera()
    elif name == "device":
        camera = DrawnDevice(request.getfixturevalue("monkeypatch"))
    else:
        camera = Paced(request.getfixturevalue("tmp_path"))
    camera.start()
    return camera


@pytest.fixture(
    params=[
        "file",
        "mjpeg",
        "rtsp-tcp",
        "rtsp-udp",
        "device",
        pytest.param("usb", marks=pytest.mark.hardware),
    ]
)
def camera(request):
    made = started(request.param, request)
    yield made
    made.stop()


@pytest.fixture(params=["mjpeg", "rtsp-tcp", "rtsp-udp"])
def network_camera(request):
    made = started(request.param, request)
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
        last = frames[-1]
        deadline = time.monotonic() + 15.0
        while one.state().clock != camera.clock:  # sender reports come every few seconds
            assert time.monotonic() < deadline, one.state()
            (last,) = frames_of(one, 1)
        if camera.clock == "rtcp":
            assert -2.0 < one.state().clock_offset_s <= 0.1
            assert 0 <= wall_ms() - last.captured_ms < 2_000
        state = one.state()
        assert state.problem is None
        assert state.clock == camera.clock
        if camera.name not in ("usb", "device"):
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
        assert late.key_frames >= (late.dropped if network_camera.name == "mjpeg" else 1), (
            "dropped ones count"
        )
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
        assert PASSWORD not in problem
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


def given_up(one, timeout_s=10.0):
    """What the reader says of a camera that gives nothing."""
    deadline = time.monotonic() + timeout_s
    while "no frame for" not in (one.state().problem or ""):
        assert time.monotonic() < deadline, one.state()
        time.sleep(0.05)
    return one.state().problem


def said_of(source, **choices):
    """What is said of a source that never gives a frame."""
    one = reader(source, **choices)
    one.start()
    try:
        return given_up(one)
    finally:
        one.stop()


def test_a_camera_that_never_answers_says_so_without_its_password(free_port, caplog):
    problem = said_of({"rtsp": f"rtsp://viewer:{PASSWORD}@127.0.0.1:{free_port()}/cam"})
    assert "refused" in problem.lower()
    assert "check the RTSP address or the PoE port" in problem
    assert PASSWORD not in problem + caplog.text


@pytest.mark.parametrize("scheme", ["digest", "basic"])
def test_a_wrong_password_is_named_and_not_shown(rtsp_camera, scheme, caplog, capfd):
    camera = rtsp_camera(scheme=scheme, password="swordfish")
    problem = said_of(camera.source())
    assert "refuses this user or password" in problem
    assert "check the user and the password" in problem
    shown = problem + caplog.text + "".join(capfd.readouterr())
    assert "swordfish" not in shown
    assert PASSWORD not in shown


def test_a_password_asked_for_in_the_basic_way(rtsp_camera):
    one = reader(rtsp_camera(scheme="basic").source())
    one.start()
    try:
        assert frames_of(one, 3)
    finally:
        one.stop()


@pytest.mark.parametrize(("asked", "offered"), [("tcp", "udp"), ("udp", "tcp")])
def test_a_camera_of_the_other_transport_says_which_to_set(rtsp_camera, asked, offered):
    problem = said_of(rtsp_camera(transport=asked, offered=[offered]).source())
    assert f"it does not send by {asked}" in problem
    assert f"set transport: {offered}" in problem


@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_h265(rtsp_camera, transport):
    one = reader(rtsp_camera(codec="h265", transport=transport).source())
    one.start()
    try:
        numbers = [scene.number_of(frame.picture_bgr) for frame in frames_of(one, 12)]
        assert {(b - a) % 40 for a, b in itertools.pairwise(numbers)} <= {1, 2, 3}, numbers
    finally:
        one.stop()


def test_a_server_that_is_killed_is_tried_again_ever_more_slowly(rtsp_camera):
    waits = []

    class Noted(Backoff):
        def next_s(self):
            waits.append(super().next_s())
            return waits[-1]

    camera = rtsp_camera()
    one = reader(camera.source(), backoff=Noted(first_s=0.1, most_s=0.8, draw=lambda: 1.0))
    one.start()
    try:
        for _ in range(2):
            frames_of(one, 3)
            assert waits == []
            camera.stop()
            began = time.monotonic()
            while len(waits) < 5:
                assert time.monotonic() - began < 15.0, waits
                time.sleep(0.05)
            assert waits[:5] == [0.1, 0.2, 0.4, 0.8, 0.8], "and begun anew after a frame"
            camera.start()
            while one.take() is None:
                assert time.monotonic() - began < 30.0, one.state()
                time.sleep(0.01)
            waits.clear()
        assert one.state().problem is None
    finally:
        one.stop()


def test_a_camera_with_a_wrong_clock_is_not_believed(rtsp_camera):
    camera = rtsp_camera()
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


def test_a_missing_usb_camera_says_what_to_do():
    problem = said_of({"usb": "/dev/video97"})
    assert "/dev/video97 is not there" in problem
    assert "check the cable" in problem


def test_a_device_that_is_no_camera_is_an_error_not_a_crash():
    assert "check the cable" in said_of({"usb": "/dev/null"})


def test_a_device_that_is_unplugged_is_opened_again(monkeypatch):
    monkeypatch.setattr(DrawnDevice, "graph", "testsrc2=size=320x240:rate=10:duration=1,realtime")
    one = reader(DrawnDevice(monkeypatch).source())
    one.start()
    try:
        frames = frames_of(one, 25)
        assert frames[-1].captured_ms - frames[0].captured_ms > 2_000, (
            "two seconds of a device that lives for one"
        )
        assert one.state().problem is None
    finally:
        one.stop()
