"""Scores of pictures, compared with results computed by hand and with all possible pairings."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from softloc_core.metrics.pictures import Objects, score_pictures

NAMES = ("zero", "one")


def _objects(*rows: tuple[int, float, float]) -> Objects:
    """Objects from (class, row, column); the step is the row."""
    table = np.array(rows, dtype=float).reshape(-1, 3)
    return Objects(table[:, 0].astype(np.int64), table[:, 1:], table[:, 1])


def _score(*pairs):
    return score_pictures(pairs, channel_names=NAMES, reach_px=5.0)


def test_cases_computed_by_hand() -> None:
    scores = _score(
        # Correct, three pixels down and four across.
        (_objects((0, 10, 10)), _objects((0, 13, 14))),
        # The correct place with the wrong class, and the correct class out of reach.
        (_objects((1, 10, 10)), _objects((0, 10, 10), (1, 10, 18))),
        # Two digits, of which the first is found twice and the second is not found.
        (_objects((0, 10, 10), (1, 40, 40)), _objects((0, 10, 10), (0, 11, 10))),
    )
    assert (scores.n_reference, scores.n_estimated, scores.n_matched) == (4, 5, 2)
    assert scores.f1 == pytest.approx(4 / 9)
    assert scores.counts.tolist() == [[[1, 1, 1], [0, 0, 0]], [[0, 1, 0], [1, 1, 0]], [[1, 2, 1], [1, 0, 0]]]
    assert scores.f1_per_class == pytest.approx({"zero": 4 / 6, "one": 0.0})
    assert scores.timing_mean_s == pytest.approx(1.5)
    assert scores.measures == pytest.approx(
        {
            "count_accuracy": 1 / 3,
            "class_count_accuracy": 3 / 6,
            "single_digit_accuracy": 1 / 2,
            "recognition_accuracy": 2 / 3,
            "centre_distance_px": (5 + 8 + 0) / 3,
        }
    )


def test_empty_pictures_and_empty_estimates() -> None:
    scores = _score((_objects((0, 1, 1)), _objects()))
    assert scores.f1 == 0.0 and scores.measures["centre_distance_px"] == -1.0
    assert scores.measures["count_accuracy"] == 0.0
    assert _score((_objects(), _objects())).measures["count_accuracy"] == 1.0


_places = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 12), st.integers(0, 12)), max_size=4)


@given(_places, _places)
@settings(deadline=None, max_examples=60)
def test_as_many_pairs_as_possible_are_matched(true, found) -> None:
    def near(one, other):
        return one[0] == other[0] and max(abs(one[1] - other[1]), abs(one[2] - other[2])) <= 5

    few, many = sorted((true, found), key=len)
    best = max(
        sum(near(one, other) for one, other in zip(few, chosen, strict=True))
        for chosen in itertools.permutations(many, len(few))
    )
    assert _score((_objects(*true), _objects(*found))).n_matched == best


@given(_places.filter(bool))
@settings(deadline=None, max_examples=30)
def test_a_perfect_estimate_scores_one(true) -> None:
    scores = _score((_objects(*true), _objects(*true)))
    assert scores.f1 == 1.0
    assert scores.measures["count_accuracy"] == scores.measures["recognition_accuracy"] == 1.0
    assert scores.measures["centre_distance_px"] == 0.0
