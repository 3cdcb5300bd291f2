"""Clusters of wrong labels, and test recordings within folds."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st

from analysis.answers import compare_losses
from analysis.answers.resampling import Sources, draws_of, resample
from analysis.reading import load_results
from analysis.report import ReportOptions, write_compare
from analysis.testing import SimulatedDesign, simulated_study


def frame(**columns):
    return pd.DataFrame({"trial_id": [f"t{index}" for index in range(len(columns["seed"]))], **columns})


@given(data=st.data())
@settings(max_examples=50, deadline=None)
def test_trials_share_a_draw_if_and_only_if_their_seed_and_draw_are_the_same(data):
    """Oracle: a set of tuples. The replicate counts only where the draw is common to all settings."""
    column = st.lists(st.integers(0, 2), min_size=8, max_size=8)
    seed, draw, replicate = (np.array(data.draw(column)) for _ in range(3))
    number, n = draws_of(frame(seed=seed, noise_draw=draw, replicate=replicate))
    keys = [(s, d, r if d == 0 else -1) for s, d, r in zip(seed, draw, replicate, strict=True)]
    assert n == len(set(keys))
    for i in range(8):
        for j in range(8):
            assert (number[i] == number[j]) == (keys[i] == keys[j])


def test_a_level_of_noise_is_no_draw():
    """Old state: trials with different label noise counted as different draws."""
    number, n = draws_of(frame(seed=[0] * 4, replicate=[0, 0, 1, 1], label_noise_s=[0.0, 0.1, 0.0, 0.1]))
    assert n == 2 and number[0] == number[1] != number[2]


def test_weights_are_common_to_losses_on_one_draw():
    design = SimulatedDesign(8, replicates=2)
    truth = {"softloc": lambda s, n: 0.5 + 0 * s, "cross_entropy": lambda s, n: 0.5 + 0 * s}
    study = simulated_study(truth, design, rng=np.random.default_rng(0))
    trials = study.scored("f1")
    found = resample(study, trials, metric="f1", by="loss")
    assert found.sources.n_draws == 8 and found.sources.degrees == 7
    _, first = np.unique(trials["noise_draw"], return_index=True)
    np.testing.assert_array_equal(found.weight, found.weight[:, first][:, trials["noise_draw"] - 1])


def test_with_one_draw_trials_of_one_loss_at_one_level_do_not_cancel():
    """Old state: they shared one weight, and their residuals cancelled in the mean of the level."""
    design = SimulatedDesign(16, is_grid=True)
    truth = {"softloc": lambda s, n: 0.5 + 0 * s, "cross_entropy": lambda s, n: 0.5 + 0 * s}
    study = simulated_study(truth, design, rng=np.random.default_rng(0))
    trials = study.scored("f1").assign(noise_draw=0, replicate=0)
    found = resample(study, trials, metric="f1", by="loss")
    assert found.sources.n_draws == 1
    for _, group in trials.reset_index(drop=True).groupby(["loss", "label_noise_s"]):
        assert len(np.unique(found.weight[0, group.index])) == len(group)
    # The losses are still paired.
    assert len(np.unique(found.weight[0])) == trials.groupby("loss").size().max()


@pytest.mark.parametrize(("n_draws", "degrees", "sentence"), [
    (1, 0, "All trials share 1 draw of wrong labels. The intervals leave out the difference between draws."),
    (3, 2, "share 3 draws of wrong labels. The intervals are widened for so few (Student's t with 2 degrees"),
    (2, 1, "with 1 degree of freedom"),
])  # fmt: skip
def test_few_draws_are_mentioned(n_draws, degrees, sentence):
    notes = Sources(n_draws, degrees, 1, 3).notes
    assert sentence in notes[-1]
    assert len(Sources(50, 49, 1, 3).notes) == 1


def test_with_few_common_draws_the_interval_contains_the_truth():
    """The effect of a draw is as large as a trial's own noise. Old state: 0.63."""
    inside = []
    for seed in range(60):
        design = SimulatedDesign(16, is_grid=True, replicates=4, draw_sd=0.03, own_draws=False)
        truth = {"cross_entropy": lambda s, n: 0.8 - 0.001 * n}
        study = simulated_study(truth, design, rng=np.random.default_rng(seed))
        row = compare_losses(study).summary.iloc[0]
        inside.append(row["area_low"] <= 0.75 <= row["area_high"])
    assert np.mean(inside) >= 0.9


@pytest.fixture
def folds(write_study, rows):
    """Write six folds with one recording each, on three levels of noise, all with the same score."""

    def write(f1_of_fold):
        parts, events = [], []
        for fold, f1 in enumerate(f1_of_fold):
            part = rows("cross_entropy", 9, seed=fold).assign(
                fold=fold,
                f1=f1,
                label_noise_s=np.repeat([0.0, 0.05, 0.1], 3),
                replicate=np.tile(np.arange(3), 3),
            )
            parts.append(part)
            events += [
                {"trial_id": name, "recording": f"r{fold}", "channel": "kick"} for name in part["trial_id"]
            ]
        folder = write_study(*parts)
        matched = np.repeat(np.round(100 * np.asarray(f1_of_fold)).astype(int), 9)
        scores = pd.DataFrame(events).assign(n_reference=100, n_estimated=100, n_matched=matched)
        (folder / "scores").mkdir()
        scores.to_parquet(folder / "scores" / "part.parquet")
        return folder

    return write


def test_folds_that_agree_have_no_spread(folds):
    """Old state: six folds at 0.80 gave [0.40, 0.67], because a fold without its recording counted as 0."""
    row = compare_losses(load_results(folds([0.8] * 6))).summary.iloc[0]
    assert (row["area_low"], row["area_high"]) == pytest.approx((0.8, 0.8), abs=1e-6)


def test_folds_that_differ_are_the_unit_of_the_interval(folds, tmp_path):
    """Oracle: Student's interval over the six folds, not over folds times replicates."""
    f1 = np.array([0.5, 0.6, 0.7, 0.75, 0.8, 0.85])
    folder = folds(f1)
    row = compare_losses(load_results(folder)).summary.iloc[0]
    half = 2.571 * f1.std(ddof=1) / np.sqrt(6)
    assert row["area"] == pytest.approx(0.7)
    assert row["area_high"] - row["area_low"] == pytest.approx(2 * half, rel=0.15)
    text = " ".join(write_compare(folder, ReportOptions(out_dir=tmp_path)).text.split())
    assert "training and the choice of test recordings (6 folds, 6 test recordings)" in text


def test_recordings_spread_as_the_standard_error_of_their_mean(write_study, rows):
    """Oracle: the standard error of a mean over ten recordings with equal numbers of events."""
    trials = rows("cross_entropy", 12)
    share = np.random.default_rng(0).integers(40, 90, 10)
    folder = write_study(trials.assign(f1=share.mean() / 100))
    names = pd.MultiIndex.from_product([trials["trial_id"], [f"r{i}" for i in range(10)]])
    scores = names.to_frame(index=False, name=["trial_id", "recording"]).assign(
        channel="kick", n_reference=100, n_estimated=100, n_matched=np.tile(share, 12)
    )
    (folder / "scores").mkdir()
    scores.to_parquet(folder / "scores" / "part.parquet")
    study = load_results(folder)
    found = resample(study, study.scored("f1"), metric="f1", by="loss", n=4000)
    assert found.sources.n_recordings == 10
    assert found.shift[:, 0].std() == pytest.approx(share.std(ddof=1) / 100 / np.sqrt(10), rel=0.05)


def test_metrics_that_do_not_add_up_leave_recordings_out_and_say_so(write_study, rows, add_events, tmp_path):
    """Old state: a shift of zero, and intervals 'including the randomness of test recordings'."""
    trials = rows("softloc", 30).assign(timing_sd_s=lambda part: 0.02 + part["f1"] / 100)
    folder = write_study(trials)
    add_events(folder, trials)
    text = " ".join(write_compare(folder, ReportOptions(out_dir=tmp_path, metric="timing_sd_s")).text.split())
    assert "The choice of test recordings is left out: test recordings do not add up to timing sd s." in text
    assert "and the choice" not in text
