"""Decoders calibrated on validation recordings whose labels are misaligned."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from softloc_core.decoding import LocalMass, calibration_grid
from softloc_core.errors import ConfigError
from softloc_core.events import EventList
from softloc_core.inference import CalibratedDecoder, DecodingRule, calibrated, events_of, stored_prob
from softloc_core.metrics import score_events
from softloc_core.tasks import Recording, TaskData

HOP_S, TOLERANCE_S = 0.01, 0.05


def score(recordings, events, tolerance_s):
    pairs = [(recording.reference, events[recording.name]) for recording in recordings]
    return score_events(pairs, channel_names=("a",), tolerance_s=tolerance_s)


def rule(**changes):
    decoders = calibration_grid(LocalMass(0.3, 0.05), tolerance_s=TOLERANCE_S, options={})
    fields = {
        "decoders": decoders,
        "offset_s": 0.0,
        "calibrate_offset": True,
        "is_calibrated": True,
        "tolerance_s": TOLERANCE_S,
    }
    return DecodingRule(**{**fields, **changes})


def recordings(*, height, spread_frames, late_s=0.0, label_noise_s=0.0, seed=0, count=3):
    """Return recordings with noisy labels, and predictions of bumps of this height around the true events."""
    rng = np.random.default_rng(seed)
    made, predictions = [], {}
    for index in range(count):
        time_s = np.sort(rng.uniform(1, 59, 40))
        time_s = time_s[np.append(True, np.diff(time_s) > 0.4)]
        label_s = np.clip(time_s + label_noise_s * rng.standard_normal(len(time_s)), 0, 60)
        label = EventList(label_s, np.zeros(len(label_s)), 60.0)
        prob = np.zeros((1, 6000))
        frame = np.arange(6000)
        for event_s in time_s:
            distance = frame - (event_s + late_s) / HOP_S
            prob[0] += height * np.exp(-0.5 * (distance / spread_frames) ** 2)
        prob += 0.0009 * rng.random((1, 6000))
        features = np.empty((6000, 0), dtype=np.float32)
        made.append(Recording(f"r{index}", "g", features, HOP_S, label, label))
        predictions[f"r{index}"] = stored_prob(np.clip(prob, 0, 1))
    return made, predictions


@settings(deadline=None, max_examples=12)
@given(st.floats(0.02, 0.9), st.floats(0.6, 6.0), st.integers(0, 50))
def test_bumps_of_any_height_and_width_are_found_despite_misaligned_labels(height, spread_frames, seed):
    noisy, predictions = recordings(height=height, spread_frames=spread_frames, label_noise_s=0.06, seed=seed)
    chosen = calibrated(rule(), noisy, predictions, score)
    clean, unseen = recordings(height=height, spread_frames=spread_frames, seed=seed + 1000)
    assert score(clean, events_of(chosen, clean, unseen), TOLERANCE_S).f1 > 0.9


@pytest.mark.parametrize("late_s", [-0.12, 0.08])
def test_a_bias_is_measured_and_undone(late_s):
    noisy, predictions = recordings(height=0.5, spread_frames=1.0, late_s=late_s, label_noise_s=0.03)
    chosen = calibrated(rule(), noisy, predictions, score)
    assert chosen.offset_s == pytest.approx(-late_s, abs=0.015)


def test_an_offset_that_does_not_help_is_left_out():
    clean, predictions = recordings(height=0.5, spread_frames=1.0)
    chosen = calibrated(rule(), clean, predictions, score)
    assert chosen == CalibratedDecoder(LocalMass(0.3, 0.05), 0.0)


def test_ties_go_to_the_simplest_decoder():
    silent, predictions = recordings(height=0.0, spread_frames=1.0)
    assert calibrated(rule(), silent, predictions, score).decoder == LocalMass(0.3, 0.05)


def test_the_parameters_are_measures_of_the_trial():
    chosen = CalibratedDecoder(LocalMass(0.1, 0.15), -0.02)
    assert chosen.measures == {"offset_s": -0.02, "decoder_mass": 0.1, "decoder_window_s": 0.15}


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({}, "decoding: calibrated"),
        ({"decoders": (LocalMass(0.3, 0.05),), "is_calibrated": False}, "calibrate_offset"),
    ],
)
def test_a_calibration_needs_validation_recordings(changes, named):
    [recording], _ = recordings(height=0.5, spread_frames=1.0, count=1)
    data = TaskData("tiny", "here", ("a",), HOP_S, (recording,), (), (recording,), "x")
    with pytest.raises(ConfigError, match=f"{named}` needs a split with validation recordings"):
        rule(**changes).require_validation(data)
    rule(**changes).require_validation(replace(data, validation=(recording,)))


def test_stored_probabilities_are_half_precision_without_tiny_values():
    prob = np.array([[0.0005, 0.00098, 0.3333333, 1.0]])
    assert stored_prob(prob).tolist() == [[0.0, float(np.float16(0.00098)), float(np.float16(1 / 3)), 1.0]]
