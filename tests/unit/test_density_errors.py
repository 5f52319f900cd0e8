"""Tables of measured errors: how they are made from cells, checked and read back."""

from __future__ import annotations

import numpy as np
import pytest

from models import count_errors
from models.density.errors import (
    ENOUGH_CELLS,
    ErrorBand,
    Errors,
    ErrorsUnusable,
    checked,
    from_text,
    measured,
    sigma_per_m2,
    to_text,
)
from models.manifest import manifest


def band(low, high, rmse=0.2):
    return ErrorBand(
        from_per_m2=low, to_per_m2=high, cells=50, bias_per_m2=-0.1, rmse_per_m2=rmse, sigma_per_m2=rmse
    )


def test_bias_and_error_of_each_band_by_hand():
    said = np.repeat([0.01, 0.7, 4.0], 50)
    true = np.repeat([0.0, 1.0, 4.0], 50)
    found = true + np.concatenate([np.zeros(50), np.full(50, -0.5), np.tile([1.0, -1.0], 25)])
    bands = measured(said, found, true)
    assert [(b.from_per_m2, b.cells) for b in bands] == [(0.0, 50), (0.5, 50), (3.5, 50)]
    assert [b.bias_per_m2 for b in bands] == pytest.approx([0.0, -0.5, 0.0])
    assert [b.rmse_per_m2 for b in bands] == pytest.approx([0.001, 0.5, 1.0])
    assert [b.sigma_per_m2 for b in bands] == pytest.approx([0.025, 0.5 / 1.96, 1.0 / 1.96], abs=1e-4)


def test_what_is_stated_holds_95_per_cent_though_a_few_crowds_were_missed():
    true = np.concatenate([np.random.default_rng(2).uniform(0, 0.4, 970), np.full(30, 5.0)])
    (only,) = measured(np.zeros(1000), np.zeros(1000), true)
    assert only.rmse_per_m2 > 0.8
    assert np.mean(true <= 1.96 * only.sigma_per_m2) == pytest.approx(0.95, abs=0.005)


def test_a_band_with_few_cells_joins_the_one_below():
    said = np.concatenate([np.full(100, 0.7), np.full(ENOUGH_CELLS - 1, 6.0)])
    bands = measured(said, said, said * 0)
    assert len(bands) == 1
    assert bands[0].cells == 100 + ENOUGH_CELLS - 1
    assert bands[0].to_per_m2 is None


def test_nothing_to_measure_on_is_an_error():
    with pytest.raises(ErrorsUnusable, match="no cell"):
        measured([], [], [])


def test_between_the_middles_of_bands_the_error_is_linear():
    bands = (band(0.0, 1.0, 0.2), band(1.0, 2.0, 0.6))
    assert sigma_per_m2(bands, [0.0, 0.5, 1.0, 1.5, 9.0]) == pytest.approx([0.2, 0.2, 0.4, 0.6, 0.6])


@pytest.mark.parametrize(
    ("bands", "said"),
    [
        ((), "no band"),
        ((band(1.0, 2.0), band(0.0, 1.0)), "out of order"),
        ((band(0.0, 2.0), band(1.0, 3.0)), "out of order"),
        ((band(0.0, None), band(1.0, 3.0)), "out of order"),
        ((band(0.0, 1.0, float("inf")),), "no number"),
    ],
)
def test_bands_that_cannot_be(bands, said):
    with pytest.raises(ErrorsUnusable, match=f"here: .*{said}"):
        checked(bands, "here")


def test_there_and_back():
    errors = Errors(map=(band(0.0, None),), boxes=(band(0.0, 1.0), band(1.0, None)), fused=None)
    assert from_text(to_text(errors), "x") == errors
    for text in ("{}", "[]", "not json", to_text(errors).replace('"map"', '"mop"')):
        with pytest.raises(ErrorsUnusable, match=r"a\.json"):
            from_text(text, "a.json")


def test_the_shipped_model_was_measured():
    bands = count_errors.of(manifest().default)
    assert bands is not None
    assert sum(one.cells for one in bands) > 10_000
    assert count_errors.of("no such model") is None


def test_a_first_band_with_few_cells_joins_the_one_above():
    said = np.concatenate([np.full(3, 0.01), np.full(100, 0.7), np.full(50, 1.5)])
    bands = measured(said, said - 0.2 * (said > 0.5), said)
    assert [(b.from_per_m2, b.to_per_m2, b.cells) for b in bands] == [(0.0, 1.0, 103), (1.0, 2.0, 50)]
    (only,) = measured(said[:3], said[:3], said[:3])
    assert only.cells == 3
