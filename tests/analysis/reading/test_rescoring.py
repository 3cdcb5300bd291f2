import shutil

import mir_eval
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st

from analysis.errors import AnalysisError
from analysis.reading.parts import load_table
from analysis.reading.rescoring import (
    SLACK_S,
    match_counts,
    recording_counts,
    rescored,
    score_counts,
    tolerance_curve,
)
from analysis.reading.results import load_results
from analysis.report.commands import write_surface
from analysis.report.outputs import ReportOptions
from softloc_core.metrics import SLACK, matched_errors

TIMES = st.lists(st.integers(0, 400).map(lambda centiseconds: centiseconds / 100), max_size=25)


@given(reference=TIMES, estimated=TIMES, tolerance_s=st.sampled_from([0.01, 0.05, 0.2]))
@settings(max_examples=200, deadline=None)
def test_counts_agree_with_mir_eval(reference, estimated, tolerance_s):
    reference_s, estimated_s = np.sort(reference), np.sort(estimated)
    zeros = np.zeros(len(reference), dtype=np.int64), np.zeros(len(estimated), dtype=np.int64)
    found = match_counts(reference_s, estimated_s, *zeros, tolerance_s=tolerance_s)
    expected = len(mir_eval.util.match_events(reference_s, estimated_s, tolerance_s + SLACK_S))
    assert found.sum() == expected == len(matched_errors(reference_s, estimated_s, tolerance_s=tolerance_s))


@pytest.mark.parametrize("n_frames", range(1, 12))
def test_pairs_exactly_at_the_tolerance_are_matched_everywhere_on_a_grid(n_frames):
    frame, group = np.arange(3000), np.zeros(3000, dtype=np.int64)
    sides = (frame * 0.01 * 50, (frame * 50 + n_frames) * 0.01)
    for one, other in (sides, sides[::-1]):
        assert match_counts(one, other, group, group, tolerance_s=n_frames * 0.01).sum() == len(frame)


def test_the_slack_is_that_of_the_stored_scores():
    assert SLACK_S == SLACK


@given(seed=st.integers(0, 999))
@settings(max_examples=30, deadline=None)
def test_groups_are_matched_separately(seed):
    rng = np.random.default_rng(seed)
    times, groups = rng.uniform(0, 2, (2, 40)), rng.integers(0, 4, (2, 40))
    counts = match_counts(times[0], times[1], groups[0], groups[1], tolerance_s=0.05)
    for group in range(len(counts)):
        reference_s, estimated_s = (np.sort(times[side][groups[side] == group]) for side in (0, 1))
        matching = mir_eval.util.match_events(reference_s, estimated_s, 0.05) if len(reference_s) else []
        assert counts[group] == len(matching)


@pytest.fixture
def study(write_study, rows, add_events):
    trials = rows("softloc", 12)
    folder = write_study(trials)
    add_events(folder, trials)
    return load_results(folder)


def test_scores_agree_with_mir_eval(study):
    scores = score_counts(recording_counts(study, tolerance_s=0.02))
    events, references = load_table(study.location, "events"), load_table(study.location, "references")
    for trial_id in study.trials["trial_id"][:4]:
        mine = events[events["trial_id"] == trial_id]
        matched = 0
        for key, reference in references.groupby(["recording", "channel"]):
            found = mine[(mine["recording"] == key[0]) & (mine["channel"] == key[1])]
            matched += len(
                mir_eval.util.match_events(np.sort(reference["time_s"]), np.sort(found["time_s"]), 0.02)
            )
        assert scores.loc[trial_id, "f1"] == pytest.approx(2 * matched / (180 + len(mine)))
        assert scores.loc[trial_id, "precision"] == pytest.approx(matched / len(mine))
        assert scores.loc[trial_id, "recall"] == pytest.approx(matched / 180)


def test_each_trials_own_tolerance_is_the_default(study):
    counts = recording_counts(study)
    pd.testing.assert_frame_equal(counts, recording_counts(study, tolerance_s=0.05))


def test_f1_grows_with_the_tolerance(study):
    curve = tolerance_curve(study, np.array([0.005, 0.02, 0.05, 0.1]))
    wide = curve.pivot(index="trial_id", columns="tolerance_s", values="f1")
    assert len(wide) == 12 and (wide.diff(axis=1).iloc[:, 1:] >= 0).all().all()
    assert wide[0.1].mean() > wide[0.005].mean() + 0.3


def test_compacted_events_count_once(study):
    folder = study.location
    expected = recording_counts(study)
    for table in ("events", "references"):
        shutil.copy(f"{folder}/{table}/part-0000.parquet", f"{folder}/{table}/compacted.parquet")
    pd.testing.assert_frame_equal(recording_counts(study), expected)


def test_a_rescored_study_has_another_surface(study, tmp_path):
    again = rescored(study, tolerance_s=0.01)
    assert (again.trials["tolerance_s"] == 0.01).all()
    assert again.completed["f1"].mean() < rescored(study, tolerance_s=0.05).completed["f1"].mean() - 0.2
    output = write_surface(study.location, ReportOptions(tolerance_s=0.01, out_dir=tmp_path / "out"))
    assert output.paths[0].name == "surface_10ms.png"


@pytest.mark.parametrize("tolerance_s", [0.0, -0.01, np.inf, np.nan])
def test_the_tolerance_must_be_positive(study, tolerance_s):
    with pytest.raises(AnalysisError, match="`tolerance` must be above 0 s, but got"):
        recording_counts(study, tolerance_s=tolerance_s)


def test_references_must_belong_to_the_data_of_the_trials(study):
    trials = study.trials.assign(data_fingerprint="other")
    with pytest.raises(AnalysisError, match="lacks those of 1 of 1 data sets"):
        recording_counts(type(study)(study.location, study.name, trials, {}))
