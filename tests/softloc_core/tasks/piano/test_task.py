"""Scores of the piano task, compared with the note transcription metrics of mir_eval."""

import mir_eval
import numpy as np
import pytest
from hypothesis import given, strategies as st

from softloc_core.events import EventList
from softloc_core.metrics.events import mean_over_recordings
from softloc_core.tasks import TASKS, Recording, TaskData
from softloc_core.tasks.piano.keys import KEY_NAMES

# Times are multiples of 3 ms, so that no difference is within mir_eval's rounding of the tolerance.
NOTES = st.lists(st.tuples(st.integers(0, 200), st.integers(36, 40)), max_size=25)


def _events(notes: list[tuple[int, int]]) -> EventList:
    return EventList([0.003 * step for step, _ in notes], [key for _, key in notes], 1.0)


def _mir_eval(reference: EventList, estimated: EventList) -> tuple[float, float, float]:
    notes = [
        (np.column_stack([e.time_s, e.time_s + 1]), 440 * 2 ** ((e.channel + 21 - 69) / 12))
        for e in (reference, estimated)
    ]
    precision, recall, f1, _ = mir_eval.transcription.precision_recall_f1_overlap(
        *notes[0], *notes[1], onset_tolerance=0.05, offset_ratio=None
    )
    return f1, precision, recall


def _data(references: list[EventList]) -> TaskData:
    features = np.zeros((51, 4), dtype=np.float32)
    recordings = tuple(
        Recording(str(k), "g", features, 0.02, reference, reference) for k, reference in enumerate(references)
    )
    return TaskData("piano", "maps", KEY_NAMES, 0.02, recordings, (), recordings, "f")


@pytest.mark.filterwarnings("ignore:(Reference|Estimated) notes are empty")
@given(pieces=st.lists(st.tuples(NOTES, NOTES), min_size=1, max_size=3))
def test_means_over_pieces_agree_with_mir_eval(pieces: list[tuple[list, list]]) -> None:
    pairs = [(_events(reference), _events(estimated)) for reference, estimated in pieces]
    found = mean_over_recordings(pairs, channel_names=KEY_NAMES, tolerance_s=0.05)
    expected = np.mean([_mir_eval(*pair) for pair in pairs], axis=0)
    names = ["f1_mean", "precision_mean", "recall_mean"]
    assert [found[name] for name in names] == pytest.approx(expected.tolist(), abs=1e-12)


@pytest.mark.filterwarnings("ignore:(Reference|Estimated) notes are empty")
@given(reference=NOTES, estimated=NOTES)
def test_the_pooled_score_of_one_piece_agrees_with_mir_eval(reference: list, estimated: list) -> None:
    data = _data([_events(reference)])
    scores = TASKS.get("piano").score(data, {"0": _events(estimated)}, tolerance_s=0.05)
    if reference or estimated:
        expected = _mir_eval(_events(reference), _events(estimated))
        assert (scores.f1, scores.precision, scores.recall) == pytest.approx(expected, abs=1e-12)


def test_the_task_reports_pooled_scores_and_means() -> None:
    """The estimate has 1 of 1 and 1 of 3 notes, so 2 of 4 pooled and a mean F1 of 3/4."""
    data = _data([_events([(0, 40)]), _events([(0, 40), (50, 40), (100, 41)])])
    estimated = {"0": _events([(0, 40)]), "1": _events([(0, 40)])}
    scores = TASKS.get("piano").score(data, estimated, tolerance_s=0.05)
    assert scores.f1 == pytest.approx(2 * 2 / (4 + 2))
    assert scores.measures["f1_mean"] == pytest.approx((1 + 0.5) / 2)
    assert scores.measures["recall_mean"] == pytest.approx((1 + 1 / 3) / 2)
    assert scores.measures["precision_mean"] == 1


def test_the_right_time_on_the_wrong_key_does_not_match() -> None:
    data = _data([_events([(10, 40)])])
    assert TASKS.get("piano").score(data, {"0": _events([(10, 41)])}, tolerance_s=0.05).f1 == 0
