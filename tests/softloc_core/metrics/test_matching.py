"""Matchings compared with brute force, scipy's assignment and mir_eval."""

from itertools import combinations, permutations

import mir_eval
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from scipy.optimize import linear_sum_assignment

from softloc_core.metrics import SLACK, matched_errors

# Frames make many ties and differences exactly at the tolerance; other times make neither.
FRAMES = st.lists(st.integers(0, 60).map(lambda frame: frame * 0.01), max_size=25)
TIMES = st.lists(st.floats(0, 1), max_size=25)
BOTH = st.one_of(st.tuples(FRAMES, FRAMES), st.tuples(TIMES, TIMES))
TOLERANCES = st.sampled_from([0.0, 0.01, 0.02, 0.05, 0.3, 2.0])


def _assignment(reference, estimated, tolerance_s):
    """Number of pairs and total distance of the cheapest of the largest matchings."""
    if not reference or not estimated:
        return 0, 0.0
    distance = np.abs(np.subtract.outer(reference, estimated))
    allowed = distance <= tolerance_s + SLACK
    row, column = linear_sum_assignment(np.where(allowed, distance, 1e4))
    kept = allowed[row, column]
    return kept.sum(), distance[row, column][kept].sum()


@given(BOTH, TOLERANCES)
@settings(deadline=None, max_examples=300)
def test_the_matching_is_the_cheapest_of_the_largest_ones(both, tolerance_s):
    error_s = matched_errors(*(np.array(side) for side in both), tolerance_s=tolerance_s)
    n_pairs, total_s = _assignment(*both, tolerance_s)
    assert len(error_s) == n_pairs
    assert np.abs(error_s).sum() == pytest.approx(total_s, abs=1e-7)
    assert np.all(np.abs(error_s) <= tolerance_s + SLACK)


@given(st.lists(st.integers(0, 12), max_size=4), st.lists(st.integers(0, 12), max_size=4), st.integers(0, 5))
@settings(deadline=None)
def test_small_cases_agree_with_an_exhaustive_search(reference, estimated, reach):
    best = (0, 0)
    for size in range(1, min(len(reference), len(estimated)) + 1):
        for chosen in combinations(reference, size):
            for found in permutations(estimated, size):
                distance = [abs(a - b) for a, b in zip(chosen, found, strict=True)]
                if max(distance) <= reach:
                    best = max(best, (size, -sum(distance)))
    error = matched_errors(np.array(reference, float), np.array(estimated, float), tolerance_s=reach)
    assert (len(error), -np.abs(error).sum()) == best


@given(BOTH, TOLERANCES.filter(bool))
@settings(deadline=None)
def test_the_number_of_pairs_is_that_of_mir_eval_with_the_slack(both, tolerance_s):
    reference_s, estimated_s = (np.sort(side) for side in both)
    expected = mir_eval.util.match_events(reference_s, estimated_s, tolerance_s + SLACK)
    assert len(matched_errors(reference_s, estimated_s, tolerance_s=tolerance_s)) == len(expected)


@given(BOTH, TOLERANCES, st.randoms())
@settings(deadline=None)
def test_the_order_of_the_events_does_not_matter(both, tolerance_s, random):
    expected = matched_errors(*(np.sort(side) for side in both), tolerance_s=tolerance_s)
    mixed = [random.sample(side, len(side)) for side in both]
    np.testing.assert_array_equal(
        matched_errors(*(np.array(side) for side in mixed), tolerance_s=tolerance_s), expected
    )


@pytest.mark.parametrize("n_frames", range(1, 12))
def test_pairs_exactly_at_the_tolerance_are_matched_everywhere_on_a_grid(n_frames):
    frame = np.arange(3000)
    # One pair at a time: the events are further apart than the tolerance.
    reference_s, estimated_s = frame * 0.01 * 50, (frame * 50 + n_frames) * 0.01
    for one, other in ((reference_s, estimated_s), (estimated_s, reference_s)):
        assert len(matched_errors(one, other, tolerance_s=n_frames * 0.01)) == len(frame)


def test_of_two_estimates_within_reach_the_nearest_is_matched():
    error_s = matched_errors(np.array([1.0]), np.array([0.96, 1.01, 1.04]), tolerance_s=0.05)
    assert error_s == pytest.approx([0.01])


def test_a_pair_is_given_up_for_a_larger_matching():
    # The nearest pair would leave the other two events alone.
    error_s = matched_errors(np.array([0.0, 1.0]), np.array([0.9, 2.0]), tolerance_s=1.0)
    assert error_s == pytest.approx([0.9, 1.0])
