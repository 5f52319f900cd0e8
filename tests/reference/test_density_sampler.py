"""Training samples: nobody in the first picture of a view, heads on the people that are drawn, the same again.

Renders three small pictures.
"""

from __future__ import annotations

import numpy as np
import pytest

from models.density import sample, sampler
from models.scenes.story import names, read_story


@pytest.fixture(scope="module")
def shots(graphics):
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(sampler, "SIZE_PX", (480, 272))
        making = sampler.Sampler()
        # of this place the first crowd is a large one
        place = making.place(1)
        return making, [next(place) for _ in range(3)]


def test_the_first_picture_of_a_view_has_nobody(shots):
    empty = shots[1][0]
    assert len(empty.heads_px) == 0
    assert not empty.people.any()


def test_heads_lie_on_people(shots):
    for one in shots[1][1:]:
        assert one.picture.shape == (272, 480, 3)
        assert len(one.heads_px) > 20
        assert len(one.tall_px) == len(one.heads_px)
        assert (one.tall_px > 3.0).all()
        column, row = np.floor(one.heads_px).astype(int).T
        assert (one.people[row, column] > 0).mean() > 0.9
        # and people are where heads are, not everywhere
        assert (one.people > 0).mean() < 0.6


def test_the_same_seed_gives_the_same_people(shots):
    making, first = shots
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(sampler, "SIZE_PX", (480, 272))
        place = making.place(1)
        again = [next(place) for _ in range(2)]
    assert np.array_equal(again[1].heads_px, first[1].heads_px)
    assert np.array_equal(again[0].picture, first[0].picture)


def test_samples_share_no_seed_with_a_story():
    assert sampler.SEED not in {read_story(name)[0].seed for name in names()}
    assert sample.SAMPLES_A_PLACE == sample.VIEWS_A_PLACE * (sample.CROWDS_A_VIEW + 1)
