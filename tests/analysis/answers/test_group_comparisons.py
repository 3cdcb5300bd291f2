"""Comparison of losses within groups, if no number varies."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from analysis.answers.group_comparisons import compare_groups, has_groups_only
from analysis.errors import AnalysisError
from analysis.reading.results import load_results
from analysis.report.commands import write_compare
from analysis.report.outputs import ReportOptions


@pytest.fixture
def groups(write_study, rows):
    """Two losses on two splits, four replicates each, without label noise."""
    rng = np.random.default_rng(0)
    parts = []
    for number, (loss, split) in enumerate(
        (loss, split) for loss in ("cross_entropy", "softloc") for split in ("few", "many")
    ):
        part = rows(loss, 4, seed=number).assign(split=split, replicate=np.arange(4), label_noise_s=0.0)
        part["softness_s"] = 0.1 if loss == "softloc" else 0.0
        part["f1"] = 0.5 + 0.1 * number + rng.normal(0, 0.01, 4)
        parts.append(part)
    return write_study(*parts), pd.concat(parts)


def test_differences_have_the_interval_of_a_paired_t_test(groups):
    folder, trials = groups
    found = compare_groups(load_results(folder))
    assert list(found.differences["cell"]) == ["few", "many"]
    for row in found.differences.itertuples():
        part = trials[trials["split"] == row.cell].set_index("replicate")
        pairs = (part[part["loss"] == "softloc"]["f1"], part[part["loss"] == "cross_entropy"]["f1"])
        interval = stats.ttest_rel(*pairs).confidence_interval(0.95)
        assert (row.low, row.high) == pytest.approx(tuple(interval))
        assert row.pairs == 4
    means = found.summary.set_index(["cell", "loss"])["mean"]
    expected = trials.groupby(["split", "loss"])["f1"].mean()
    np.testing.assert_allclose(means.to_numpy(), expected.to_numpy())


def test_compare_writes_figure_tables_and_text(groups, tmp_path):
    output = write_compare(groups[0], ReportOptions(out_dir=tmp_path))
    assert {path.name for path in output.paths} == {
        f"compare{part}" for part in (".png", ".svg", ".csv", ".tex", "_differences.csv", "_differences.tex")
    }
    assert max(map(len, output.text.splitlines())) <= 80
    assert "softloc minus cross_entropy" not in output.text
    assert "loss minus cross_entropy" in output.text
    one = write_compare(groups[0], ReportOptions(out_dir=tmp_path, only=["softloc"], at={"split": "few"}))
    assert "minus" not in one.text


def test_a_study_that_sweeps_a_number_has_a_curve_instead(groups, write_study, rows):
    assert has_groups_only(load_results(groups[0]), metric="f1", by="loss")
    swept = load_results(write_study(rows("softloc", 10), name="swept"))
    assert not has_groups_only(swept, metric="f1", by="loss")


def test_an_unknown_reference_is_rejected(groups):
    with pytest.raises(AnalysisError, match="must be one of cross_entropy, softloc, but got count"):
        compare_groups(load_results(groups[0]), reference="count")


@pytest.mark.parametrize("replicates", [1, 3])
def test_folds_are_the_unit_and_not_their_replicates(write_study, rows, replicates):
    """Oracle: the paired t-test over the folds' means. Old state: 2 folds x 3 replicates were 6 pairs."""
    rng = np.random.default_rng(1)
    parts = []
    for fold in range(2):
        common = rng.normal(0, 0.05, replicates)
        for loss, gain in (("cross_entropy", 0.0), ("softloc", 0.1 + 0.1 * fold)):
            part = rows(loss, replicates, seed=fold).assign(
                fold=fold, replicate=np.arange(replicates), label_noise_s=0.0, softness_s=0.1
            )
            parts.append(part.assign(f1=0.5 + gain + common + rng.normal(0, 0.01, replicates)))
    folder = write_study(*parts)
    row = compare_groups(load_results(folder)).differences.iloc[0]
    means = pd.concat(parts).groupby(["loss", "fold"])["f1"].mean()
    interval = stats.ttest_rel(means["softloc"], means["cross_entropy"]).confidence_interval(0.95)
    assert (row["unit"], row["pairs"]) == ("folds", 2)
    assert (row["low"], row["high"]) == pytest.approx(tuple(interval))
    text = " ".join(write_compare(folder, ReportOptions(out_dir=folder / "out")).text.split())
    assert "Folds have different test recordings: each counts once" in text


def test_draws_are_the_unit_of_a_single_fold(groups, tmp_path):
    text = " ".join(write_compare(groups[0], ReportOptions(out_dir=tmp_path)).text.split())
    assert "Draws of labels and weights share one test set: the choice of recordings is left out." in text
