"""Scores compared with mir_eval and brute force, and properties that hold for any input."""

from dataclasses import replace
from itertools import permutations

import mir_eval
import numpy as np
import pytest
from hypothesis import given, strategies as st

from softloc_core.events import EventList
from softloc_core.metrics import SLACK, f_measure, score_events

NAMES = ("a", "b")


def events(times, channels=None, duration_s=10.0):
    channels = [0] * len(times) if channels is None else channels
    return EventList(np.array(times, dtype=float), np.array(channels, dtype=int), duration_s)


event_lists = st.lists(st.tuples(st.floats(0, 10), st.integers(0, 1)), max_size=30).map(
    lambda pairs: events([t for t, _ in pairs], [c for _, c in pairs])
)
few_times = st.lists(st.floats(0, 1).map(lambda t: round(t, 2)), max_size=5)


@given(event_lists)
def test_perfect_match_scores_one_and_no_timing_error(reference):
    scores = score_events([(reference, reference)], channel_names=NAMES, tolerance_s=0.05)
    assert scores.n_matched == len(reference)
    if len(reference):
        assert scores.f1 == scores.precision == scores.recall == 1.0
        assert scores.timing_mean_s == 0.0
    else:
        assert np.isnan(scores.f1)


@given(event_lists, event_lists)
def test_swapping_reference_and_estimate_swaps_precision_and_recall(first, second):
    forth = score_events([(first, second)], channel_names=NAMES, tolerance_s=0.05)
    back = score_events([(second, first)], channel_names=NAMES, tolerance_s=0.05)
    assert (forth.precision, forth.recall) == (back.recall, back.precision)
    np.testing.assert_equal(forth.f1, back.f1)


@given(few_times, few_times)
def test_matching_finds_as_many_pairs_as_possible(reference_s, estimated_s):
    scores = score_events(
        [(events(reference_s), events(estimated_s))], channel_names=NAMES, tolerance_s=0.105
    )
    short, long = sorted((sorted(reference_s), sorted(estimated_s)), key=len)
    best = max(
        sum(abs(a - b) <= 0.105 for a, b in zip(short, choice, strict=True))
        for choice in permutations(long, len(short))
    )
    assert scores.n_matched == best


@given(few_times.filter(len), few_times.filter(len))
def test_one_class_agrees_with_mir_eval_onset(reference_s, estimated_s):
    scores = score_events([(events(reference_s), events(estimated_s))], channel_names=NAMES, tolerance_s=0.05)
    f1, precision, recall = mir_eval.onset.f_measure(
        np.sort(reference_s), np.sort(estimated_s), window=0.05 + SLACK
    )
    assert (scores.f1, scores.precision, scores.recall) == pytest.approx((f1, precision, recall))


def test_classes_and_recordings_are_matched_separately_and_pooled():
    pairs = [
        (events([1.0, 2.0], [0, 1]), events([1.01, 2.0], [0, 0])),  # the second estimate has the wrong class
        (events([]), events([5.0])),  # no reference event, one false alarm
    ]
    scores = score_events(pairs, channel_names=NAMES, tolerance_s=0.05)
    assert (scores.n_reference, scores.n_estimated, scores.n_matched) == (2, 3, 1)
    assert scores.f1 == pytest.approx(2 / 5)
    assert scores.f1_per_class == {"a": pytest.approx(2 * 1 / (1 + 3)), "b": 0.0}
    assert scores.timing_mean_s == pytest.approx(0.01)
    assert np.isnan(scores.timing_sd_s)


def test_tolerance_is_inclusive():
    pair = [(events([1.0]), events([1.25]))]
    assert score_events(pair, channel_names=NAMES, tolerance_s=0.25).n_matched == 1
    assert score_events(pair, channel_names=NAMES, tolerance_s=0.2499).n_matched == 0


def test_f1_of_an_absent_class_is_undefined_and_empty_predictions_score_zero():
    scores = score_events([(events([1.0]), events([]))], channel_names=NAMES, tolerance_s=0.05)
    assert scores.f1 == 0.0
    assert scores.f1_per_class["a"] == 0.0
    assert np.isnan(scores.f1_per_class["b"])
    assert np.isnan(f_measure(n_reference=0, n_estimated=0, n_matched=0))


@given(st.lists(st.tuples(event_lists, event_lists), max_size=4))
def test_counts_of_each_recording_are_those_of_scoring_it_alone(pairs):
    scores = score_events(pairs, channel_names=NAMES, tolerance_s=0.05)
    assert scores.counts.shape == (len(pairs), len(NAMES), 3)
    for row, pair in zip(scores.counts, pairs, strict=True):
        alone = score_events([pair], channel_names=NAMES, tolerance_s=0.05)
        np.testing.assert_array_equal(row, alone.counts[0])
        assert row.sum(axis=0).tolist() == [alone.n_reference, alone.n_estimated, alone.n_matched]


def test_scores_are_equal_if_all_fields_are():
    pairs = [(events([1.0]), events([])), (events([1.0, 2.0]), events([1.0]))]
    one, two = (score_events(pairs, channel_names=NAMES, tolerance_s=0.05) for _ in range(2))
    assert one == two and np.isnan(one.f1_per_class["b"])
    assert one != score_events(pairs[::-1], channel_names=NAMES, tolerance_s=0.05)
    assert one != replace(one, f1=0.0) and one != replace(one, measures={"f1_mean": 0.5})
    assert one != "scores"
    with pytest.raises(ValueError, match="read-only"):
        one.counts[0, 0, 0] = 1
