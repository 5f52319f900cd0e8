"""Frozen, dark, covered and moved cameras are named; lively ones never are."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from edge.health import KEYLESS_MS, RECOVER_MS, SUSTAIN_MS, WHAT_TO_DO, PictureHealth
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


@pytest.fixture
def street(vtest):
    """A real street by day, and a function that gives it anew, no two pictures with the same noise."""
    from edge.footage import Footage

    day = cv2.resize(next(iter(Footage(vtest(), start_ms=0))).picture_bgr, (384, 288)).astype(np.float32)

    def at(i, picture=day):
        return np.clip(picture + still_noise(i, picture.shape), 0, 255).astype(np.uint8)

    return day, at


def under_lamps(day):
    """The same street by three lamps: pools of light, the rest nearly black, and the sky's shine on the ground gone."""
    down, across = np.mgrid[: day.shape[0], : day.shape[1]]
    light = np.full(day.shape[:2], 0.06)
    for x, y in ((0.2, 0.55), (0.55, 0.35), (0.85, 0.8)):
        away = np.hypot(across / day.shape[1] - x, down / day.shape[0] - y)
        light += 1.1 * np.exp(-((away / 0.09) ** 2))
    return day * light[..., None]


def test_lamps_switched_on_are_no_move(street):
    day, at = street
    night = under_lamps(day)
    states = judged([*[at(i) for i in range(30)], *[at(i, night) for i in range(30, 90)]])
    assert set(states) == {"good"}


def test_moved_while_the_lamps_were_switched_on(street):
    day, at = street
    night = under_lamps(shifted(day, 20))
    states = judged([*[at(i) for i in range(30)], *[at(i, night) for i in range(30, 90)]])
    assert set(states[:30]) == {"good"}
    assert set(states[55:]) == {"moved"}


def test_turned_away_while_the_lamps_were_switched_on_behind_a_mask(street):
    """The burned-in mask stays where it was; that is no sign that the street does."""
    day, at = street

    def masked(picture):
        picture = picture.copy()
        picture[75:165, 100:250] = 0
        return picture

    night = under_lamps(day[::-1, ::-1])
    states = judged([*[masked(at(i)) for i in range(30)], *[masked(at(i, night)) for i in range(30, 90)]])
    assert set(states[:30]) == {"good"}
    assert set(states[55:]) <= {"moved", "covered"}


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


@pytest.mark.parametrize("name", ["vtest.avi", "market-evening.mp4"])
def test_footage_of_a_camera_that_is_well_raises_nothing(name, vtest):
    from deploy.demo.parts import CLIP
    from edge.footage import Footage

    health = PictureHealth()
    footage = CLIP if name == CLIP.name else vtest()
    states = {
        health.observe(f.picture_bgr, f.captured_ms).state for f in Footage(footage, start_ms=0, loop=False)
    }
    assert states == {"good"}


@pytest.mark.parametrize("quality", ["20", "28"])
def test_a_hung_sensor_behind_a_living_encoder_is_frozen_and_a_quiet_scene_is_not(tmp_path, quality):
    """Each key frame rounds the one picture anew, so its bytes differ; the noise of a living sensor differs more."""
    from edge.footage import Footage

    options = {"preset": "veryfast", "tune": "zerolatency", "g": "25", "crf": quality}
    states = {}
    for name, pictures in (
        ("hung", [scenery(1)] * 150),
        ("quiet", [np.clip(scenery(1) + still_noise(i), 0, 255).astype(np.uint8) for i in range(150)]),
    ):
        clip = scene.clip(tmp_path / f"{name}.mp4", pictures, options=options)
        shown = [(f.picture_bgr, f.captured_ms, f.key_frames) for f in Footage(clip, start_ms=0)]
        assert len({picture[24:-24].tobytes() for picture, _, _ in shown}) > 5, (
            "the encoder changes the bytes"
        )
        health = PictureHealth()
        states[name] = [health.observe(*one).state for one in shown]
    assert states["hung"][-1] == "frozen"
    assert set(states["quiet"]) == {"good"}


@pytest.mark.parametrize("sigma", [0.5, 1.0])
def test_a_quiet_night_behind_an_encoder_that_seldom_starts_anew_is_not_frozen(tmp_path, sigma, street):
    """Between key frames 25 s apart it leaves the noise out, and sends one picture again and again."""
    from edge.footage import Footage

    night = under_lamps(street[0])
    pictures = [
        np.clip(night + sigma * still_noise(i, night.shape), 0, 255).astype(np.uint8) for i in range(350)
    ]
    options = {"preset": "veryfast", "tune": "zerolatency", "g": "250", "crf": "28"}
    clip = scene.clip(tmp_path / "night.mp4", pictures, options=options)
    health = PictureHealth()
    states = [
        health.observe(f.picture_bgr, f.captured_ms, f.key_frames).state for f in Footage(clip, start_ms=0)
    ]
    assert set(states) == {"good"}


def test_frozen_behind_an_encoder_without_key_frames():
    health = PictureHealth()
    states = [health.observe(scene.noise(1), 500 * i, key_frames=0).state for i in range(250)]
    assert first(states, "frozen") == pytest.approx(KEYLESS_MS, abs=500)


def still_noise(seed, shape=(240, 320, 3)):
    """A good sensor by day: one grey level of noise."""
    return np.rint(np.random.default_rng(seed).normal(0.0, 1.0, shape))


def test_one_who_walks_through_a_noiseless_picture_keeps_it_alive():
    def with_walker(i):
        picture = scenery(1)
        picture[100:130, 20 + 2 * i : 28 + 2 * i] += 12
        return picture

    assert set(judged([with_walker(i) for i in range(100)])) == {"good"}


def test_a_clock_set_back_delays_no_verdict():
    health = PictureHealth()
    for i in range(40):
        health.observe(scene.noise(1 if i > 35 else i), 3_600_000 + 500 * i)
    states = [health.observe(scene.noise(1), 500 * i).state for i in range(30)]
    assert states[-1] == "frozen"
