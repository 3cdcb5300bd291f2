"""Exact-step scores compared with scikit-learn."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from sklearn.metrics import precision_recall_fscore_support

from softloc_core.events import EventList
from softloc_core.metrics import score_steps

STEP_S = 1.0


def breaths(firing, *, shift=0.0):
    """Place each event on its step, shifted by a fraction of a step."""
    return EventList(np.maximum(np.flatnonzero(firing) + shift, 0), np.zeros(sum(firing), int), len(firing))


SESSION = st.integers(1, 40).flatmap(
    lambda n: st.tuples(*[st.lists(st.booleans(), min_size=n, max_size=n)] * 2)
)


@settings(deadline=None, max_examples=50)
@given(st.lists(SESSION, min_size=1, max_size=4), st.floats(-0.4, 0.4))
def test_scores_equal_those_of_scikit_learn(sessions, shift):
    pairs = [(breaths(true), breaths(found, shift=shift)) for true, found in sessions]
    pairs = [
        (true, EventList(np.minimum(found.time_s, found.duration_s), found.channel, found.duration_s))
        for true, found in pairs
    ]
    scores = score_steps(pairs, channel_names=("puff",), step_s=STEP_S)
    true = np.concatenate([session[0] for session in sessions])
    found = np.concatenate([session[1] for session in sessions])
    precision, recall, f1, _ = precision_recall_fscore_support(
        true, found, average="binary", zero_division=0.0
    )
    assert scores.precision == pytest.approx(precision)
    assert scores.recall == pytest.approx(recall)
    if true.any() or found.any():
        assert scores.f1 == pytest.approx(f1)


def test_a_neighbouring_step_is_wrong_but_counts_in_f1_one_step():
    true = np.zeros(30, bool)
    true[[5, 15, 25]] = True
    found = np.roll(true, 1)
    scores = score_steps([(breaths(true), breaths(found))], channel_names=("puff",), step_s=STEP_S)
    assert (scores.f1, scores.n_matched, scores.measures["f1_one_step"]) == (0.0, 0, 1.0)
    assert scores.timing_mean_s == pytest.approx(1.0)


def test_two_estimates_on_one_step_count_once():
    reference = EventList([3.0], [0], 10.0)
    estimated = EventList([2.8, 3.3], [0, 0], 10.0)
    scores = score_steps([(reference, estimated)], channel_names=("puff",), step_s=STEP_S)
    assert (scores.n_estimated, scores.f1) == (1, 1.0)


def test_whole_steps_match_exactly_at_the_tolerance():
    step_s = 0.1
    for tolerance_steps in range(1, 4):
        frame = np.arange(0, 5000, 10)
        sides = (frame * step_s, (frame + tolerance_steps) * step_s)
        pair = [EventList(side, np.zeros(len(frame), int), 501.0) for side in sides]
        scores = score_steps([pair], channel_names=("puff",), step_s=step_s, tolerance_steps=tolerance_steps)
        assert scores.n_matched == len(frame)
        stricter = score_steps(
            [pair], channel_names=("puff",), step_s=step_s, tolerance_steps=tolerance_steps - 1
        )
        assert stricter.n_matched == 0
        assert scores.counts.tolist() == [[[len(frame)] * 3]]
