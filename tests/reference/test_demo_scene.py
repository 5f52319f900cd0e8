"""The demo's clip, its truth and its site belong to one another and to the story they were made from."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

from contract.homography import inside
from contract.instants import to_ms
from contract.site_file import read_shared
from deploy.demo.parts import ASSESSMENT, CLIP, DEMO, SITE, TRUTH
from edge.footage import Footage
from hub.assessment import read_assessment
from hub.site import read_site
from hub.truth import read_truth
from models.scenes import true_site
from models.scenes.story import read_story

CLIPS_MAX_BYTES = 4_000_000


@pytest.fixture(scope="module")
def story():
    return read_story(str(DEMO / "story.yaml"))


@pytest.fixture(scope="module")
def truth():
    return read_truth(TRUTH, read_site(SITE))


def test_the_clip_is_the_one_that_the_truth_is_of_and_small(truth):
    assert hashlib.sha256(CLIP.read_bytes()).hexdigest() == truth.film_sha256
    assert sum(clip.stat().st_size for clip in DEMO.glob("*.mp4")) < CLIPS_MAX_BYTES


def test_clip_and_truth_have_the_storys_moments(story, truth):
    told, _ = story
    times = np.array(told.frame_times_s())
    assert truth.t_s == pytest.approx(times - times[0], abs=0.001)
    shown = [shot.captured_ms / 1000 for shot in Footage(CLIP, start_ms=0).shots()]
    assert shown == pytest.approx(times - times[0], abs=0.002)
    looped = Footage(CLIP, start_ms=0, loop=True).shots()
    again = next(shot.captured_ms for i, shot in enumerate(looped) if i == len(times))
    assert again / 1000 == pytest.approx(truth.loop_s, abs=0.002)
    assert to_ms(read_site(SITE).replay_start) == to_ms(told.start) + times[0] * 1000


def test_the_site_is_the_rendered_place(story, tmp_path: Path):
    made = true_site.write(tmp_path / "site.yaml", *story)
    ours, theirs = read_shared(SITE).camera("mast"), made.camera("mast")
    assert ours.surfaces == theirs.surfaces
    assert (ours.position_m, ours.height_m, ours.picture) == (
        theirs.position_m,
        theirs.height_m,
        theirs.picture,
    )
    assert (ours.lines, ours.agent, ours.distortion) == (theirs.lines, theirs.agent, theirs.distortion)
    demo, whole = read_site(SITE), read_site(tmp_path / "site.yaml")
    assert (demo.obstacles, demo.areas, demo.assets) == (whole.obstacles, whole.areas, whole.assets)
    square = next(zone for zone in whole.zones if zone.id == "square")
    parts = [zone for zone in demo.zones if zone.id in ("square", "gate-front")]
    points = np.random.default_rng(7).uniform((-25, -1), (23, 51), (4000, 2))
    in_parts = np.sum([inside(zone.polygon, points) for zone in parts], axis=0)
    assert np.array_equal(in_parts, inside(square.polygon, points).astype(int)), "no gap and no overlap"


def test_the_demo_lowers_no_limit():
    site = read_site(SITE)
    assert all(zone.safe_occupancy is None and zone.effective_area_m2 is None for zone in site.zones)
    assert all(zone.crowd == "moving" for zone in site.zones)
    assert read_assessment(ASSESSMENT, site).file.synthetic
