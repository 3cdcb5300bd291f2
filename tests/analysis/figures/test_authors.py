import numpy as np
import pandas as pd
import pytest

from analysis.errors import AnalysisError
from analysis.figures.authors import authors_values, class_means, plot_authors_map
from analysis.reading.rescoring import recording_counts
from analysis.reading.results import load_results
from analysis.report.commands import write_surface
from analysis.report.outputs import ReportOptions


@pytest.fixture
def study(write_study, rows):
    return load_results(write_study(rows("softloc", 120)))


def test_the_authors_values_agree_with_a_calculation_by_hand():
    trials = pd.DataFrame({"f1": [0.9, 0.5], "precision": [0.8, 0.4], "recall": [0.95, 0.9]})
    np.testing.assert_allclose(authors_values(trials), [(0.9 + 0.83 + 0.95) / 3, (0.83 + 0.83 + 0.9) / 3])


def test_the_authors_measures_are_means_over_classes(write_study, rows, add_events):
    trials = rows("softloc", 12)
    folder = write_study(trials)
    figure, _ = plot_authors_map(load_results(folder))
    assert "no events are stored" in figure.axes[0].get_title(loc="left")
    add_events(folder, trials)
    study = load_results(folder)
    figure, _ = plot_authors_map(study)
    assert "each averaged over classes" in figure.axes[0].get_title(loc="left")
    means = class_means(study)
    counts = recording_counts(study).groupby(["trial_id", "channel"]).sum(numeric_only=True)
    first = counts.loc[means.index[0]]
    f1 = 2 * first["n_matched"] / (first["n_reference"] + first["n_estimated"])
    assert len(f1) == 2 and means["f1"].iloc[0] == pytest.approx(f1.mean())
    recall = first["n_matched"] / first["n_reference"]
    assert means["recall"].iloc[0] == pytest.approx(recall.mean())


def test_the_authors_map_is_shown_next_to_f1(study, tmp_path):
    figure, honest = plot_authors_map(study)
    titles = [axes.get_title(loc="left") for axes in figure.axes[:2]]
    assert titles[0].startswith("authors' map: mean of F1, precision, recall") and titles[1].startswith("F1")
    assert figure.axes[0].images[0].get_clim() == (0.85, 0.963)
    assert honest.metric == "f1"
    np.testing.assert_array_equal(honest.panels[0].regression.bandwidth, [10.0, 10.0])
    output = write_surface(study.location, ReportOptions(out_dir=tmp_path), preset="authors")
    assert [path.name for path in output.paths] == ["surface_authors.png", "surface_authors.svg"]


def test_invalid_presets_are_rejected(study, write_study, rows):
    with pytest.raises(AnalysisError, match="`preset` must be authors, but got paper"):
        write_surface(study.location, preset="paper")
    with pytest.raises(AnalysisError, match=r"needs two swept parameters, but .* has one"):
        write_surface(write_study(rows("cross_entropy", 12), name="curves"), preset="authors")
