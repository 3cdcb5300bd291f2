"""Trials that stopped early are left out of every answer with a note, and count on request."""

import numpy as np
import pytest

from analysis.answers.maps import map_study
from analysis.errors import AnalysisError
from analysis.figures.authors import plot_authors_map
from analysis.reading.results import load_results, stopped_note
from analysis.report.commands import write_compare, write_importance, write_recommend, write_surface
from analysis.report.outputs import ReportOptions
from analysis.report.report_page import html_report

LEFT_OUT = "5 trials stopped early and are left out (--with-stopped includes them)"
COUNTED = "5 trials stopped early and count with the scores they reached"


@pytest.fixture
def study(write_study, rows):
    """Return thirty completed trials, and five that stopped before they learned much."""
    stopped = rows("softloc", 5, seed=1).assign(status="stopped", f1=0.01)
    return write_study(rows("softloc", 30), stopped)


def flat(text):
    return " ".join(text.split())


def test_stopped_trials_count_only_on_request(study):
    loaded = load_results(study)
    assert (len(loaded.completed), len(loaded.stopped), len(loaded.failed)) == (30, 5, 0)
    assert loaded.scored("f1")["f1"].min() > 0.1
    counting = load_results(study, with_stopped=True)
    assert (len(counting.completed), len(counting.stopped)) == (35, 5)
    assert counting.where(loss="softloc").with_stopped
    assert counting.scored("f1")["f1"].min() == 0.01
    assert (stopped_note(loaded), stopped_note(counting)) == (LEFT_OUT, COUNTED)


def test_without_stopped_trials_there_is_no_note(write_study, rows):
    assert stopped_note(load_results(write_study(rows("softloc", 3)))) is None


def test_the_error_names_stopped_trials_if_none_completed(write_study, rows):
    study = load_results(write_study(rows("softloc", 4).assign(status="stopped")))
    with pytest.raises(
        AnalysisError, match=r"has 0 failed, 4 stopped early \(--with-stopped\) and none completed"
    ):
        study.scored("f1")


def test_every_output_has_the_note(study, tmp_path):
    asked = {"out_dir": tmp_path, "estimator": "nadaraya_watson"}
    outputs = [
        write_surface(study, ReportOptions(**asked)),
        write_compare(study, ReportOptions(**asked)),
        write_recommend(study, ReportOptions(**asked), label_noise_s=0.05),
        write_importance(study, lambda _: {"softness": 1.0}, ReportOptions(out_dir=tmp_path)),
    ]
    for output in outputs:
        assert LEFT_OUT in flat(output.text)
    assert COUNTED in flat(write_surface(study, ReportOptions(**asked, with_stopped=True)).text)


@pytest.mark.parametrize(("with_stopped", "n_trials"), [(False, 30), (True, 35)])
def test_the_authors_map_includes_stopped_trials_on_request(study, with_stopped, n_trials):
    _, shown = plot_authors_map(load_results(study, with_stopped=with_stopped))
    [panel] = shown.panels
    assert len(panel.values) == n_trials


@pytest.mark.parametrize(("with_stopped", "note"), [(False, LEFT_OUT), (True, COUNTED)])
def test_the_report_has_the_note(study, with_stopped, note):
    page = html_report(load_results(study, with_stopped=with_stopped), estimator="nadaraya_watson")
    assert f"30 trials completed, 0 failed. {note}." in page


def test_stopped_trials_change_the_surface_if_they_count(study):
    means = []
    for with_stopped in (False, True):
        loaded = load_results(study, with_stopped=with_stopped)
        [panel] = map_study(loaded, estimator="nadaraya_watson").panels
        means.append(float(np.nanmean(panel.value)))
    assert means[1] < means[0]
