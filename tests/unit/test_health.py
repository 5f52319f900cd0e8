"""Frozen, dark, covered and moved cameras are named; lively ones never are."""

from __future__ import annotations

import numpy as np
import pytest

from edge.health import RECOVER_MS, SUSTAIN_MS, WHAT_TO_DO, PictureHealth
from tests.kit import edge_scene as scene


def judged(pictures, *, step_ms=500, health=None):
    """States, one for each picture."""
    health = health or PictureHealth()
    return [health.observe(picture.copy(), step_ms * i).state for i, picture in enumerate(pictures)]


def lively(n, seed=0):
    return [scene.noise(seed + i) for i in range(n)]


def first(states, state):
    return states.index(state) * 500


def test_a_lively_picture_is_good_for_ever():
    assert set(judged(lively(300))) == {"good"}


def test_frozen():
    states = judged([*lively(40), *[scene.noise(39)] * 60])
    assert first(states, "frozen") - 39 * 500 == pytest.approx(SUSTAIN_MS, abs=500)
    assert states[-1] == "frozen"


def test_frozen_with_a_running_clock_at_the_edge():
    pictures = []
    for i in range(60):
        picture = scene.noise(1)
        picture[:20] = i
        pictures.append(picture)
    assert judged(pictures)[-1] == "frozen"


def test_dark():
    dark = [np.random.default_rng(i).integers(0, 9, (240, 320, 3), dtype=np.uint8) for i in range(60)]
    assert judged([*lively(40), *dark])[-1] == "dark"
    assert set(judged([*lively(40), *dark[:10]])) == {"good"}, "a moment of darkness is nothing"


def test_a_night_scene_with_a_lamp_is_not_dark():
    def night(i):
        picture = np.random.default_rng(i).integers(0, 9, (240, 320, 3), dtype=np.uint8)
        picture[100:140, 140:180] = 220
        return picture

    assert set(judged([night(i) for i in range(120)])) == {"good"}


def test_covered():
    cloth = [np.random.default_rng(i).integers(88, 93, (240, 320, 3), dtype=np.uint8) for i in range(60)]
    states = judged([*lively(40), *cloth])
    assert states[-1] == "covered"
    assert judged(cloth)[-1] == "covered", "also when it was covered from the start"


def shifted(picture, dx):
    return np.roll(picture, dx, axis=1)


def scenery(seed):
    """A scene with structure everywhere, such as a street has, and sensor noise."""
    fixed = np.random.default_rng(5).integers(0, 255, (60, 80, 3), dtype=np.uint8)
    import cv2

    picture = cv2.resize(fixed, (320, 240), interpolation=cv2.INTER_CUBIC).astype(np.int16)
    picture += np.random.default_rng(seed).integers(-6, 7, picture.shape, dtype=np.int16)
    return np.clip(picture, 0, 255).astype(np.uint8)


def test_moved_by_a_twentieth_of_the_picture():
    states = judged([*[scenery(i) for i in range(60)], *[shifted(scenery(i), 16) for i in range(60, 110)]])
    assert set(states[:60]) == {"good"}
    assert states[-1] == "moved"


def test_turned_away_and_back():
    away = [scenery(i)[::-1, ::-1] for i in range(60, 110)]
    states = judged([*[scenery(i) for i in range(60)], *away, *[scenery(i) for i in range(110, 130)]])
    assert "moved" in states[60:110]
    assert states[-1] == "good"


def test_a_lorry_before_the_lens_for_a_few_seconds_is_no_fault():
    lorry = [np.full((240, 320, 3), 120, np.uint8) + np.uint8(i % 5) for i in range(14)]
    assert set(judged([*[scenery(i) for i in range(60)], *lorry, *[scenery(i) for i in range(74, 90)]])) == {
        "good"
    }


def test_slow_change_of_light_is_no_fault():
    def at(i):
        return np.clip(scenery(i).astype(float) * (1.0 - 0.6 * i / 400), 0, 255).astype(np.uint8)

    assert set(judged([at(i) for i in range(400)])) == {"good"}


def test_a_good_picture_is_believed_again_after_a_while():
    health = PictureHealth()
    judged([*lively(40), *[scene.noise(39)] * 60], health=health)
    assert health.judgement.state == "frozen"
    for i in range(20):
        state = health.observe(scene.noise(1000 + i), 50_000 + 500 * i)
        if state.state == "good":
            break
    assert 500 * i == pytest.approx(RECOVER_MS, abs=500)
    assert state.since_ms == 50_000


def test_every_fault_says_what_to_do():
    assert all(WHAT_TO_DO[state] for state in ("frozen", "dark", "covered", "moved", "none"))


def test_the_real_static_scene_raises_nothing():
    from pathlib import Path

    from edge.footage import Footage

    health = PictureHealth()
    footage = Path(__file__).parents[2] / "deploy" / "demo" / "vtest-excerpt.mp4"
    states = {
        health.observe(f.picture_bgr, f.captured_ms).state for f in Footage(footage, start_ms=0, loop=False)
    }
    assert states == {"good"}
