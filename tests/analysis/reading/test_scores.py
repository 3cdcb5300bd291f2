"""Counts behind the stored scores, and the names and units of scores."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, strategies as st

from analysis.errors import AnalysisError
from analysis.reading import at_tolerance, load_results, score_counts, stored_counts, validate_matched
from analysis.reading.columns import TaskScore, task_score

EXAMPLES = Path(__file__).parents[3] / "analysis" / "examples"


@pytest.fixture
def study(write_study, rows, add_events):
    trials = rows("softloc", 12)
    folder = write_study(trials)
    add_events(folder, trials)
    return folder


def test_counts_of_events_give_the_stored_score(study):
    loaded = load_results(study)
    counts = stored_counts(loaded, metric="f1")
    scores = score_counts(counts)["f1"].loc[loaded.completed["trial_id"]]
    np.testing.assert_allclose(scores, loaded.completed["f1"], atol=1e-9)


def test_stored_counts_come_before_events(study, write_study, rows):
    """A task's own rule, here one that matches half of the events, cannot be had from the events."""
    trials = rows("softloc", 12).assign(f1=0.5)
    folder = write_study(trials, name="own")
    with pytest.raises(AnalysisError, match="no events are stored"):
        stored_counts(load_results(folder), metric="f1")
    scores = pd.DataFrame({"trial_id": trials["trial_id"], "recording": "a", "channel": "kick"})
    (folder / "scores").mkdir()
    scores.assign(n_reference=10, n_estimated=10, n_matched=5).to_parquet(folder / "scores" / "p.parquet")
    assert (stored_counts(load_results(folder), metric="f1")["n_matched"] == 5).all()


@pytest.mark.parametrize("name", ["golf_losses", "segmentation_losses", "digits_canvases"])
def test_counts_by_another_rule_than_the_tasks_are_refused(name):
    """Old state: intervals of PCE, segmental and pictorial F1 were made from matched events."""
    study = load_results(EXAMPLES / name)
    with pytest.raises(AnalysisError, match=f"give another {study.score.name} than the stored one in"):
        stored_counts(study, metric="f1")
    with pytest.raises(AnalysisError, match="`tolerance` needs a score that counts events matched within"):
        at_tolerance(study, 1.0)


def test_drums_are_scored_by_matching():
    study = load_results(EXAMPLES / "losses_mdb")
    validate_matched(study)
    assert at_tolerance(study, 0.02).completed["f1"].mean() < study.completed["f1"].mean()


def test_other_metrics_are_refused(study):
    with pytest.raises(AnalysisError, match="test recordings do not add up to timing sd s"):
        stored_counts(load_results(study), metric="timing_sd_s")


@pytest.mark.parametrize(("task", "expected"), [
    ("golf", TaskScore("PCE", "frames", 1 / 30)),
    ("segmentation", TaskScore("F1@10", "s", 1.0)),
    ("digits", TaskScore("F1 of objects")),
    ("puffs", TaskScore("F1 on breaths", "breaths", 1.0)),
    ("drums", TaskScore()),
])  # fmt: skip
def test_older_trials_have_the_score_of_their_task(task, expected):
    assert task_score(pd.DataFrame({"task": [task, task]})) == expected


@given(hop_s=st.floats(0.001, 1.0), unit=st.sampled_from(["frames", "breaths"]))
def test_stored_names_and_units_come_first(hop_s, unit):
    trials = pd.DataFrame({"task": ["golf"], "score_name": ["own"], "time_unit": [unit], "hop_s": [hop_s]})
    assert task_score(trials) == TaskScore("own", unit, hop_s)


def test_mixed_scores_have_no_common_name_or_unit():
    assert task_score(pd.DataFrame({"task": ["golf", "drums"]})) == TaskScore("score")
    frames = pd.DataFrame({"task": "own", "time_unit": "frames", "score_name": "F1", "hop_s": [0.1, 0.2]})
    assert task_score(frames) == TaskScore("F1")
    assert task_score(frames.assign(hop_s=np.nan)) == TaskScore("F1")
