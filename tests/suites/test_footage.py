"""Footage: every frame, on media time."""

from __future__ import annotations

import threading
import time

import pytest

from edge.footage import Footage, FootageUnusable, read_ahead
from tests.kit import edge_scene as scene
from tests.kit.edge_cameras import START, reader

START_MS = 1_781_978_400_000


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
