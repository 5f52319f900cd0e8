"""Secrets stay out of texts; waits grow and are bounded."""

from __future__ import annotations

import pytest

from edge.address import redacted
from edge.backoff import Backoff


@pytest.mark.parametrize(
    "text",
    [
        "rtsp://viewer:hunter2@10.0.0.7/stream",
        "rtsp://hunter2@10.0.0.7/stream",
        "rtsp://viewer:p@ss:hunter2@10.0.0.7:554/stream",
        "[Errno 111] Connection refused: 'rtsp://viewer:hunter2@10.0.0.7/stream'",
        "http://10.0.0.7/video.mjpg?user=admin&pwd=hunter2&fps=5",
        "http://10.0.0.7/cgi?channel=1&PassWord=hunter2",
        "rtsp://viewer:hun/hunter2@10.0.0.7/stream",
        "rtsp://viewer:#hunter2?@10.0.0.7:554/stream",
        "rtsp://10.0.0.7:554/user=admin&password=hunter2&channel=1",
        "rtsp://10.0.0.7:554/user=admin_password=hunter2_channel=1_stream=0.sdp",
        "http://10.0.0.7/videostream.cgi?loginuse=admin&loginpas=hunter2",
        "two: rtsp://a:hunter2@h/1 and https://b:hunter2@h/2",
    ],
)
def test_no_secret_survives(text):
    said = redacted(text)
    assert "hunter2" not in said
    assert "10.0.0.7" in said or "@h/" in said


def test_what_holds_no_secret_stays():
    for text in (
        "rtsp://10.0.0.7:554/a?fps=5",
        "/dev/video0",
        "mail@example.org",
        "http://h/p?q=a@b",
        "rtsp://h:554/a@b",
        "rtsp://h:8554",
    ):
        assert redacted(text) == text


def test_waits_double_are_jittered_and_bounded():
    low, high = (
        Backoff(first_s=1.0, most_s=30.0, draw=lambda: 0.0),
        Backoff(first_s=1.0, most_s=30.0, draw=lambda: 1.0),
    )
    assert [low.next_s() for _ in range(7)] == [0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 15.0]
    assert [high.next_s() for _ in range(7)] == [1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0]
    high.succeeded()
    assert high.next_s() == 1.0


def test_a_year_of_failures_is_no_overflow():
    wait = Backoff(draw=lambda: 1.0)
    assert max(wait.next_s() for _ in range(5000)) == 30.0
