"""Weights in 8 bits: the sum of a channel is kept, and no pair of neighbours overflows 16 bits."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from models.convert.int8_steps import steps, sum_kept

VALUES = st.floats(-50, 50, allow_nan=False, width=32)


@given(hnp.arrays(np.float64, (3, 9), elements=VALUES))
def test_rounding_keeps_the_sum(rows):
    whole = sum_kept(rows)
    assert (whole == np.rint(whole)).all()
    assert (np.abs(whole - rows) <= 1).all()
    assert (np.abs(whole.sum(axis=1) - rows.sum(axis=1)) <= 0.5 + 1e-9).all()


@given(hnp.arrays(np.float64, (4, 12, 1, 1), elements=VALUES))
def test_neighbours_of_one_sign_fit_sixteen_bits(kernel):
    whole = steps(kernel, np.zeros(4), source_scale=0.02, dense=True).kernel.reshape(4, -1).astype(int)
    for part in (np.maximum(whole, 0), np.maximum(-whole, 0)):
        assert (part[:, 1:] + part[:, :-1]).max() <= 128
        assert 255 * (part[:, 1:] + part[:, :-1]).max() < 2**15


@given(hnp.arrays(np.float64, (4, 1, 3, 3), elements=VALUES))
def test_values_come_back_within_a_step(kernel):
    made = steps(kernel, kernel[:, 0, 0, 0], source_scale=0.02, dense=False)
    scales = made.kernel_scales[:, None, None, None]
    assert (np.abs(made.kernel * scales - kernel) <= scales * 1.001 + 1e-30).all()


def test_a_vanished_channel_keeps_its_bias():
    made = steps(np.full((1, 4, 1, 1), 1e-20), np.array([5.0]), source_scale=0.02, dense=True)
    assert made.bias[0] * made.bias_scales[0] == pytest.approx(5.0, rel=1e-5)
