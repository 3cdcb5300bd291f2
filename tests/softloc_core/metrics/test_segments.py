"""Scores of segmentations, compared with results computed by hand and with counting frames."""

import math

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from softloc_core.events import EventList, SegmentList
from softloc_core.metrics.segments import edit_score, frame_accuracy, score_segments, segment_f_measure

NAMES = ("background", "cut", "mix", "serve")
labels = st.lists(st.integers(0, 3), min_size=4, max_size=14)


def _segments(text: str) -> SegmentList:
    """Segments from a text with one letter per second."""
    return SegmentList.from_frames([ord(letter) - ord("a") for letter in text], hop_s=1.0)


def _runs(frames: list[int]) -> list[tuple[int, set[int]]]:
    """Return (class, frames) of each run with a plain loop."""
    runs: list[tuple[int, set[int]]] = []
    for index, value in enumerate(frames):
        if index == 0 or frames[index - 1] != value:
            runs.append((value, set()))
        runs[-1][1].add(index)
    return runs


def _oracle_f1(true: list[int], found: list[int], overlap: float, ignored: set[int]) -> float:
    """Compute segmental F1 from sets of frames, as the paper describes it."""
    true_runs = [run for run in _runs(true) if run[0] not in ignored]
    found_runs = [run for run in _runs(found) if run[0] not in ignored]
    used, matched = set(), 0
    for channel, frames in found_runs:
        best, best_share = None, 0.0
        for index, (true_channel, true_frames) in enumerate(true_runs):
            share = len(frames & true_frames) / len(frames | true_frames) if channel == true_channel else 0.0
            if share > best_share:
                best, best_share = index, share
        if best is not None and best_share >= overlap and best not in used:
            used.add(best)
            matched += 1
    total = len(true_runs) + len(found_runs)
    return 2 * matched / total if total else 1.0


def _oracle_distance(one: tuple[int, ...], other: tuple[int, ...]) -> int:
    """Compute the edit distance by exhaustive search."""
    if not one or not other:
        return len(one) + len(other)
    return min(
        _oracle_distance(one[1:], other) + 1,
        _oracle_distance(one, other[1:]) + 1,
        _oracle_distance(one[1:], other[1:]) + (one[0] != other[0]),
    )


@given(labels, labels, st.sampled_from([0.1, 0.25, 0.5]), st.sampled_from([set(), {0}]))
@settings(deadline=None)
def test_segmental_f1_equals_that_of_sets_of_frames(true, found, overlap, ignored) -> None:
    found = (found * 4)[: len(true)]
    pair = [SegmentList.from_frames(frames, hop_s=0.1) for frames in (true, found)]
    expected = _oracle_f1(true, found, overlap, ignored)
    assert segment_f_measure(*pair, overlap=overlap, ignored=ignored) == pytest.approx(expected)


@given(
    st.lists(st.integers(0, 2), min_size=1, max_size=6), st.lists(st.integers(0, 2), min_size=1, max_size=6)
)
@settings(deadline=None)
def test_the_edit_score_equals_exhaustive_search(true, found) -> None:
    length = 12
    pair = [SegmentList.from_frames((frames * length)[:length], hop_s=1.0) for frames in (true, found)]
    # Exhaustive search is feasible for short sequences only.
    pair = [SegmentList(one.start_s[:5], one.channel[:5], 12.0) for one in pair]
    sequences = [tuple(one.channel.tolist()) for one in pair]
    expected = 1 - _oracle_distance(*sequences) / max(map(len, sequences))
    assert edit_score(*pair) == pytest.approx(expected)


@given(labels, labels)
@settings(deadline=None)
def test_frame_accuracy_counts_frames(true, found) -> None:
    found = (found * 4)[: len(true)]
    pair = [SegmentList.from_frames(frames, hop_s=0.3) for frames in (true, found)]
    assert frame_accuracy(*pair) == pytest.approx(np.mean(np.array(true) == np.array(found)))


@pytest.mark.parametrize(
    ("found", "f1_at_10", "f1_at_25", "f1_at_50", "edit", "accuracy"),
    [
        ("bbbbccccdd", 1.0, 1.0, 1.0, 1.0, 1.0),
        # `cut` is found early and too short (2 of 4), `mix` overlaps 4 of 6, `serve` is missing.
        ("bbccccccaa", 4 / 5, 4 / 5, 4 / 5, 2 / 3, 6 / 10),
        # Split in two: the larger part is matched (2 of 4), the other is a false alarm.
        ("bbabccccdd", 6 / 7, 6 / 7, 6 / 7, 3 / 4, 9 / 10),
        # Only the order is correct, no second is.
        ("ccccdddbbb", 0.0, 0.0, 0.0, 1 / 3, 0.0),
        # One class throughout: 4 of 10 seconds are correct.
        ("bbbbbbbbbb", 2 / 4, 2 / 4, 0.0, 1 / 3, 4 / 10),
    ],
)
def test_cases_computed_by_hand(found, f1_at_10, f1_at_25, f1_at_50, edit, accuracy) -> None:
    pairs = [(_segments("bbbbccccdd"), _segments(found))]
    scores = score_segments(pairs, channel_names=NAMES, tolerance_s=1.0, ignored={0})
    values = scores.measures
    assert values["f1_at_10"] == pytest.approx(f1_at_10)
    assert values["f1_at_25"] == pytest.approx(f1_at_25)
    assert values["f1_at_50"] == pytest.approx(f1_at_50)
    assert values["edit_score"] == pytest.approx(edit)
    assert values["frame_accuracy"] == pytest.approx(accuracy)


def test_pooled_scores_and_means_over_recordings_differ() -> None:
    right, wrong = (_segments("bbccdd"),) * 2, (_segments("bbbbbb"), _segments("cccccc"))
    scores = score_segments([right, wrong], channel_names=NAMES, tolerance_s=1.0, ignored={0})
    assert (scores.n_reference, scores.n_estimated, scores.n_matched) == (4, 4, 3)
    assert scores.counts[:, 1:].tolist() == [[[1, 1, 1]] * 3, [[1, 0, 0], [0, 1, 0], [0, 0, 0]]]
    assert (scores.f1, scores.measures["f1_at_10"]) == (0.75, 0.5)
    assert scores.measures["frame_accuracy"] == 0.5
    assert scores.f1_per_class["serve"] == 1.0 and math.isnan(scores.f1_per_class["background"])


def test_timing_and_starts_leave_out_the_start_of_the_recording() -> None:
    pair = (_segments("bbbbccccdd"), _segments("bbbccccddd"))
    scores = score_segments([pair], channel_names=NAMES, tolerance_s=1.0, ignored={0})
    assert (scores.timing_mean_s, scores.timing_sd_s) == (-1.0, 0.0)
    assert scores.measures["start_f1"] == 1.0
    strict = score_segments([pair], channel_names=NAMES, tolerance_s=0.5, ignored={0})
    assert strict.measures["start_f1"] == 0.0


def test_without_estimates_the_scores_are_zero() -> None:
    scores = score_segments(
        [(_segments("bbccaa"), EventList([], [], 6.0))], channel_names=NAMES, tolerance_s=1.0, ignored={0}
    )
    assert (scores.f1, scores.precision, scores.recall) == (0.0, 0.0, 0.0)
    assert set(scores.measures.values()) == {0.0}


def test_background_counts_only_in_accuracy() -> None:
    pair = (_segments("aabbaacc"), _segments("ccbbbbcc"))
    scores = score_segments([pair], channel_names=NAMES, tolerance_s=1.0, ignored={0})
    assert scores.n_reference == 2
    assert scores.measures["frame_accuracy"] == 0.5


@pytest.mark.parametrize("overlap", [0.1, 0.25, 0.5])
def test_an_overlap_exactly_at_the_threshold_is_a_match(overlap) -> None:
    hop_s = 1 / 30
    for start in range(1, 4000, 7):
        true = SegmentList([0.0, start * hop_s, (start + 20) * hop_s], [0, 1, 0], 5000 * hop_s)
        end = start + round(20 * overlap)
        found = SegmentList([0.0, start * hop_s, end * hop_s], [0, 1, 0], 5000 * hop_s)
        assert segment_f_measure(true, found, overlap=overlap, ignored={0}) == 1


def test_starts_exactly_at_the_tolerance_count() -> None:
    for frame in range(10, 2000, 7):
        pair = [SegmentList([0.0, k * 0.1], [1, 2], 300.0) for k in (frame, frame + 3)]
        scores = score_segments([pair], channel_names=NAMES, tolerance_s=0.3)
        assert scores.measures["start_f1"] == 1
