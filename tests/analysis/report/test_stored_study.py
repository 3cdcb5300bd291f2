"""All analysis commands on the stored study of 210 trials on recorded drums."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis.reading.rescoring import recording_counts, rescored, score_counts
from analysis.reading.results import load_results
from analysis.report.commands import write_compare, write_recommend, write_report, write_surface
from analysis.report.outputs import ReportOptions

STORED = Path(__file__).parents[3] / "analysis" / "examples" / "drums_210_mdb"


@pytest.fixture(scope="module")
def study():
    return load_results(STORED)


def test_scores_can_be_computed_from_the_stored_events(study):
    assert len(study.completed) == 210 and study.failed.empty
    scores = score_counts(recording_counts(study)).loc[study.completed["trial_id"]]
    np.testing.assert_allclose(scores["f1"], study.completed["f1"], atol=1e-9)
    strict = rescored(study, tolerance_s=0.02)
    assert (strict.completed["f1"] <= study.completed["f1"] + 1e-12).all()


def test_softness_compensates_for_label_noise(tmp_path):
    """As in the paper, label noise ruins F1 without softness and hardly changes it with softness."""
    output = write_surface(STORED, ReportOptions(out_dir=tmp_path))
    lattice = pd.read_parquet(output.paths[2])
    at_noise = lattice[np.isclose(lattice["label_noise_s"], 0.1)].set_index("softness_s")["f1"]
    assert at_noise.loc[0.0] < 0.4 < 0.8 < at_noise.loc[0.1]
    ridge = pd.read_csv(tmp_path / "surface_ridge.csv")
    noisy = ridge[ridge["label_noise_s"] > 0.05]
    assert (noisy["softness_s_low"] > 0.03).all()


def test_the_comparison_of_a_single_loss_says_so(tmp_path):
    output = write_compare(STORED, ReportOptions(out_dir=tmp_path))
    assert "robustness radius" in output.text and "P(better)" not in output.text
    assert "the study has only softloc" in " ".join(output.text.split())


def test_the_recommendation_names_loss_and_softness(tmp_path):
    text = " ".join(write_recommend(STORED, ReportOptions(out_dir=tmp_path), label_noise_s=0.06).text.split())
    assert "use softloc with a softness of" in text and "has no other loss" in text
    assert "training and the choice of test recordings (3 test recordings)" in text
    assert "All trials share 1 draw of wrong labels" in text


def test_the_report_shows_every_section(tmp_path):
    (path,) = write_report(STORED, ReportOptions(out_dir=tmp_path)).paths
    text = path.read_text()
    assert "210 trials completed, 0 failed" in text and "Not shown" not in text
