"""PCE: cases counted by hand, and the case in which it equals F1."""

import math

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from softloc_core.errors import DataError
from softloc_core.events import EventList
from softloc_core.metrics import correct_event_measures, score_events

NAMES = ("address", "top", "impact")
HOP_S = 1 / 30


def events(frames, channels=(0, 1, 2), n_frames=300):
    return EventList(np.array(frames, dtype=float) * HOP_S, np.array(channels), n_frames * HOP_S)


def test_a_golden_case_counted_by_hand():
    # First clip, 1 frame allowed: off by 0, 1 and 2 frames. Second clip, 4 allowed: -4, 5 and -1.
    pairs = [
        (events([10, 50, 70]), events([10, 51, 72])),
        (events([20, 90, 120]), events([16, 95, 119])),
    ]
    measures = correct_event_measures(pairs, channel_names=NAMES, tolerance_s=[1.001 * HOP_S, 4.001 * HOP_S])
    assert measures.pop("offset_median_s") == pytest.approx(0.5 * HOP_S)
    assert measures == {
        "pce": pytest.approx(4 / 6),
        "pce_address": 1.0,
        "pce_top": 0.5,
        "pce_impact": 0.5,
    }


@pytest.mark.parametrize("frames", range(1, 10))
def test_events_exactly_at_the_tolerance_are_correct(frames):
    pairs = [(events([k, k, k], n_frames=1000), events([k + frames] * 3, n_frames=1000)) for k in range(900)]
    tolerance_s = [frames * HOP_S] * len(pairs)
    assert correct_event_measures(pairs, channel_names=NAMES, tolerance_s=tolerance_s)["pce"] == 1


def test_an_event_estimated_twice_or_never_is_wrong():
    pairs = [(events([10, 50, 70]), events([10, 10, 70], channels=(0, 0, 2)))]
    measures = correct_event_measures(pairs, channel_names=NAMES, tolerance_s=[HOP_S])
    assert (measures["pce_address"], measures["pce_top"], measures["pce_impact"]) == (0.0, 0.0, 1.0)


def test_without_estimates_there_is_no_offset():
    pairs = [(events([10, 50, 70]), events([], channels=()))]
    measures = correct_event_measures(pairs, channel_names=NAMES, tolerance_s=[HOP_S])
    assert measures["pce"] == 0 and math.isnan(measures["offset_median_s"])


def test_a_reference_without_one_of_the_events_raises():
    pairs = [(events([10, 50], channels=(0, 1)), events([10, 50, 70]))]
    with pytest.raises(DataError, match="a recording must hold impact exactly once, but got 0"):
        correct_event_measures(pairs, channel_names=NAMES, tolerance_s=[HOP_S])


FRAMES = st.lists(st.integers(0, 299), min_size=3, max_size=3)


@settings(deadline=None)
@given(st.lists(st.tuples(FRAMES, FRAMES, st.integers(1, 9)), min_size=1, max_size=4))
def test_with_one_estimate_of_each_event_it_is_f1(clips):
    pairs = [(events(true), events(found)) for true, found, _ in clips]
    tolerance_s = [(frames + 0.001) * HOP_S for _, _, frames in clips]
    scores = score_events(pairs, channel_names=NAMES, tolerance_s=tolerance_s)
    measures = correct_event_measures(pairs, channel_names=NAMES, tolerance_s=tolerance_s)
    # A plain double loop is the oracle for both.
    correct = [abs(t - f) <= n for true, found, n in clips for t, f in zip(true, found, strict=True)]
    assert measures["pce"] == pytest.approx(np.mean(correct))
    assert scores.f1 == pytest.approx(np.mean(correct))
    for channel, name in enumerate(NAMES):
        assert measures[f"pce_{name}"] == pytest.approx(np.mean(correct[channel::3]))
