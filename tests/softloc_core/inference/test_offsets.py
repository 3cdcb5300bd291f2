"""The offset measured on validation recordings, and its use in trials."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from softloc_core.decoding import decoding_options
from softloc_core.errors import ConfigError
from softloc_core.events import EventList
from softloc_core.inference.offsets import calibrated_offset_s
from softloc_core.trial.run import run_trial
from tests.softloc_core.tiny_data import tiny_recording


def events(time_s, channel=0, duration_s=60.0):
    return EventList(np.asarray(time_s), np.broadcast_to(channel, len(time_s)), duration_s)


def beats(seed=0, n_events=60):
    rng = np.random.default_rng(seed)
    return 1.0 + np.cumsum(rng.uniform(0.6, 1.0, n_events))


@settings(max_examples=40, deadline=None)
@given(st.floats(-0.2, 0.2), st.integers(0, 5))
def test_a_bias_is_found_even_beyond_the_tolerance(bias_s, seed):
    reference = beats(seed)
    offset_s = calibrated_offset_s([(events(reference), events(reference + bias_s))], tolerance_s=0.05)
    assert offset_s == pytest.approx(-bias_s, abs=1e-6)


def test_misses_false_alarms_and_scatter_hardly_change_the_offset():
    rng = np.random.default_rng(1)
    reference = beats(n_events=70)
    found = reference[rng.random(70) < 0.8] + 0.08
    found = np.concatenate([found + rng.normal(0, 0.01, len(found)), rng.uniform(0, 55, 15)])
    offset_s = calibrated_offset_s([(events(reference), events(found))], tolerance_s=0.05)
    assert offset_s == pytest.approx(-0.08, abs=0.006)


def test_classes_are_separate_and_recordings_are_pooled():
    reference = EventList(np.array([1.0, 1.1, 3.0, 3.1]), np.array([0, 1, 0, 1]), 5.0)
    late = EventList(reference.time_s + 0.03, reference.channel, 5.0)
    assert calibrated_offset_s([(reference, late)] * 2, tolerance_s=0.02) == pytest.approx(-0.03)


def test_without_estimated_events_the_offset_is_zero():
    assert calibrated_offset_s([], tolerance_s=0.05) == 0.0
    assert calibrated_offset_s([(events(beats()), events([]))], tolerance_s=0.05) == 0.0
    assert calibrated_offset_s([(events([1.0]), events([2.0]))], tolerance_s=0.05) == 0.0


def test_the_smallest_of_equally_good_shifts_is_chosen():
    regular = np.arange(1.0, 50.0, 0.2)
    offset_s = calibrated_offset_s([(events(regular), events(regular + 0.03))], tolerance_s=0.05)
    assert offset_s == pytest.approx(-0.03)


@pytest.fixture
def validated(data):
    return replace(data, validation=(tiny_recording("validation0"),))


def with_options(config, **options):
    return replace(config, decoding_options=tuple(sorted(options.items())))


def test_a_trial_corrects_the_bias_of_its_decoding_and_reports_the_offset(config, validated):
    config = replace(config, iterations=200)
    late = run_trial(with_options(config, offset_s=0.08), validated).scores
    assert late.f1 < 0.2 and "offset_s" not in late.measures
    mended = run_trial(with_options(config, offset_s=0.08, calibrate_offset=True), validated).scores
    assert mended.f1 > 0.8 and abs(mended.timing_mean_s) < 0.01
    assert abs(mended.measures["offset_s"]) < 0.02  # the total of the constant and the measured offset


def test_a_split_without_validation_raises_before_training(config, data):
    message = (
        r"calibrate_offset` needs a split with validation recordings, but got one of tiny on rendered with 3"
    )
    with pytest.raises(ConfigError, match=message):
        run_trial(with_options(replace(config, iterations=10**9), calibrate_offset=True), data)


def test_whether_to_calibrate_is_true_or_false():
    with pytest.raises(
        ConfigError, match="`decoding_options: calibrate_offset` must be true or false, but got 1"
    ):
        decoding_options({"calibrate_offset": 1})
