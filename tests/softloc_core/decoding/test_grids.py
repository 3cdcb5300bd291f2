"""Grids of decoders: the simplest first, and one pass that equals decoding with each of them."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from softloc_core.decoding import (
    DECODERS,
    FrameClass,
    LocalMass,
    OneEach,
    Threshold,
    calibration_grid,
    decode,
    decode_with_each,
)
from softloc_core.events import FrameGrid

GRID = FrameGrid(hop_s=0.01, n_frames=300)


def random_prob(seed: int):
    rng = np.random.default_rng(seed)
    prob = np.clip(rng.gamma(rng.uniform(0.05, 0.5), 0.3, size=(2, 300)), 0, 1)
    return prob.astype(np.float16).astype(float)


@settings(deadline=None, max_examples=15)
@given(st.integers(0, 1000), st.sampled_from(sorted(DECODERS)))
def test_one_pass_equals_decoding_with_each_decoder(seed, name):
    decoders = calibration_grid(DECODERS[name], tolerance_s=0.05, options={})
    prob = random_prob(seed)
    found = decode_with_each(prob, decoders, grid=GRID, duration_s=3.0)
    assert found == [decode(prob, decoder, grid=GRID, duration_s=3.0) for decoder in decoders]


@pytest.mark.parametrize("name", sorted(DECODERS))
def test_the_given_decoder_is_the_simplest_and_each_is_different(name):
    decoders = calibration_grid(DECODERS[name], tolerance_s=0.05, options={})
    assert decoders[0] == DECODERS[name]
    assert len(set(decoders)) == len(decoders)
    assert all(type(decoder) is type(DECODERS[name]) for decoder in decoders)


def test_a_parameter_that_a_study_sets_is_not_varied():
    decoders = calibration_grid(LocalMass(0.4, 0.05), tolerance_s=0.05, options={"mass": 0.4})
    assert {decoder.mass for decoder in decoders} == {0.4}
    assert sorted({round(decoder.window_s, 9) for decoder in decoders}) == [0.05, 0.1, 0.15]


@pytest.mark.parametrize(
    ("decoder", "count"),
    [(OneEach(), 1), (Threshold(0.5), 12), (FrameClass(0.0), 5), (LocalMass(0.3, 0.05), 51)],
)
def test_the_size_of_each_grid(decoder, count):
    assert len(calibration_grid(decoder, tolerance_s=0.05, options={})) == count


def test_a_larger_mass_finds_a_part_of_the_events():
    prob = random_prob(4)[0]
    small, large = (LocalMass(mass, 0.05)(prob, hop_s=0.01) for mass in (0.05, 0.4))
    assert set(large) < set(small)
