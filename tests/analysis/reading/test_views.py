import json

import numpy as np
import pandas as pd
import pytest

from analysis.answers.comparisons import compare_losses
from analysis.answers.maps import chosen_estimator, map_study
from analysis.answers.recommendations import recommend
from analysis.errors import AnalysisError
from analysis.reading.axes import swept_axes, with_option_columns
from analysis.reading.results import load_results
from analysis.reading.views import View
from analysis.report.commands import write_surface
from analysis.report.outputs import ReportOptions
from analysis.text.recommendations import recommendation_text

SPACE = """\
name: four
task: drums
space:
  label_noise: {uniform: [0ms, 100ms]}
  softness: {uniform: [0ms, 150ms]}
  alpha.constant: {uniform: [0.1, 0.9]}
  learning_rate: {log_uniform: [0.0001, 0.01]}
"""


def vary_four(trials, *, seed=0):
    """Vary alpha and the learning rate too, which are best at 0.6 and 0.001 for any softness and noise."""
    rng = np.random.default_rng(seed)
    alpha, rate = rng.uniform(0.1, 0.9, len(trials)), 10 ** rng.uniform(-4, -2, len(trials))
    lost = 0.4 * (alpha - 0.6) ** 2 + 0.03 * (np.log10(rate) + 3) ** 2
    return trials.assign(
        alpha=[json.dumps({"constant": float(value)}) for value in alpha],
        learning_rate=rate,
        f1=trials["f1"] - lost,
    )


@pytest.fixture
def study(write_study, rows):
    folder = write_study(vary_four(rows("softloc", 90)), name="four")
    (folder / "study.yaml").write_text(SPACE)
    return load_results(folder)


def panel(study, **view):
    return map_study(study, estimator="gaussian_process", view=View(**view)).panels[0]


def test_the_default_view_plots_softness_and_noise_and_averages_over_the_rest(study):
    found = map_study(study, estimator="gaussian_process")
    assert [axis.column for axis in found.panels[0].axes] == ["softness_s", "label_noise_s"]
    assert found.notes == ("averaged over learning rate, alpha",)
    # Averaging over alpha and the rate costs 0.4 * 0.06333 + 0.03 / 3 compared with their best values.
    best = panel(study, at={"alpha": 0.6, "learning_rate": 0.001})
    at = np.array([[60.0, 40.0], [90.0, 80.0]])
    lost = best.regression.predict(at) - found.panels[0].regression.predict(at)
    np.testing.assert_allclose(lost, 0.0353, atol=0.012)


def test_a_cut_is_at_the_requested_value(study):
    low, high = (panel(study, at={"alpha": alpha}) for alpha in ("0.2", 0.6))
    at = np.array([[60.0, 40.0]])
    assert high.regression.predict(at) - low.regression.predict(at) == pytest.approx(0.064, abs=0.02)
    assert low.nearness.min() < 0.01 < 0.9 < low.nearness.max() <= 1.0
    assert map_study(study, view=View(at={"alpha": 0.2})).held == ("alpha 0.2",)


def test_any_parameter_can_be_plotted(study):
    found = panel(study, x="alpha", y="learning_rate", at={"label_noise": "50ms"}, marginal=["softness"])
    assert [axis.title for axis in found.axes] == ["alpha", "log10 learning rate"]
    assert [(axis.low, axis.high) for axis in found.axes] == [(0.1, 0.9), (-4.0, -2.0)]
    top = found.regression.predict(found.lattice).max()
    best, worst = found.regression.predict(np.array([[0.6, -3.0], [0.1, -2.0]]))
    # The corner is 0.4 * 0.25 + 0.03 = 0.13 below the best point.
    assert top - best < 0.015 and 0.08 < best - worst < 0.16


def test_unnamed_parameters_take_their_default_axes(study):
    def columns(**view):
        return [axis.name for axis in panel(study, **view).axes]

    assert columns(x="alpha") == ["alpha.constant", "label_noise"]
    assert columns(y="alpha") == ["softness", "alpha.constant"]
    assert columns(at={"softness": "80ms"}) == ["learning_rate", "label_noise"]
    assert columns(x="label_noise") == ["label_noise", "softness"]


def test_file_names_state_the_view_and_columns_keep_their_units(study, tmp_path):
    view = View(x="alpha", y="learning_rate", at={"label_noise": "50ms"})
    output = write_surface(study.location, ReportOptions(out_dir=tmp_path), view=view)
    names = [path.name for path in output.paths]
    assert names[:3] == [
        f"surface_alpha_learning_rate_at_label_noise_50ms{suffix}" for suffix in (".png", ".svg", ".parquet")
    ]
    lattice = pd.read_parquet(output.paths[2])
    assert lattice["learning_rate"].min() == pytest.approx(1e-4)
    assert lattice["learning_rate"].max() == pytest.approx(1e-2)
    assert "at label noise 50 ms" in output.text and "averaged over softness" in output.text
    ridge = pd.read_csv(output.paths[-1])
    assert set(ridge) >= {"learning_rate", "alpha.constant", "alpha.constant_low", "alpha.constant_high"}


@pytest.mark.parametrize(
    ("view", "message"),
    [
        ({"x": "beta"}, "vary in .*, softness, label_noise, learning_rate, alpha.constant, but got beta"),
        ({"x": "alpha", "y": "alpha"}, "plotted, held or averaged over once, but got alpha, alpha"),
        ({"x": "alpha", "at": {"alpha.constant": 0.3}}, "once, but got alpha, alpha.constant"),
        ({"at": {"alpha": 2}}, "`alpha.constant` must be within the studied range, 0.1 to 0.9, but got 2"),
        (
            {"at": {"label_noise": "50"}},
            "`label_noise` must be a duration with its unit, such as 20ms, but got 50",
        ),
        ({"at": {"learning_rate": "fast"}}, "`learning_rate` must be a plain number, but got fast"),
        ({"at": {"learning_rate": "0"}}, "`learning_rate` must be a plain number, but got 0"),
        ({"at": {"learning_rate": 0.1}}, "range, 0.0001 to 0.01, but got 0.1"),
        ({"marginal": ["f1"]}, "but got f1"),
    ],
)
def test_invalid_views_are_rejected(study, view, message):
    with pytest.raises(AnalysisError, match=message):
        map_study(study, view=View(**view))


def test_at_least_one_parameter_must_be_plotted(study):
    held = {"alpha": 0.5, "learning_rate": 0.001, "softness": "80ms", "label_noise": "10ms"}
    with pytest.raises(AnalysisError, match=r"a map needs a parameter to plot, but .* varies no other"):
        map_study(study, view=View(at=held))


def test_a_bandwidth_belongs_to_the_plotted_axes(study):
    with pytest.raises(AnalysisError, match="`bandwidth` belongs to the plotted axes"):
        map_study(study, bandwidth=10.0, view=View(at={"alpha": 0.5}))
    found = map_study(study, bandwidth=10.0)
    assert found.panels[0].whole_points.shape[1] == 2 and "averaged over" in found.notes[0]


def test_a_fifth_parameter_is_ignored_with_a_note(write_study, rows):
    trials = vary_four(rows("softloc", 40)).assign(weight_decay=np.random.default_rng(1).uniform(0, 1, 40))
    found = map_study(load_results(write_study(trials)), estimator="gaussian_process")
    assert found.panels[0].whole_points.shape[1] == 4
    assert found.notes == ("averaged over learning rate, weight decay, alpha",)


def test_compare_and_recommend_hold_and_average(study):
    low, high = (
        recommend(study, label_noise_s=0.05, at={"alpha": alpha, "learning_rate": 0.001})
        for alpha in (0.2, 0.6)
    )
    assert high.choices[0].value.value - low.choices[0].value.value == pytest.approx(0.064, abs=0.02)
    assert "At alpha 0.2." in recommendation_text(low)
    found = compare_losses(study, at={"alpha": 0.2})
    assert found.curves[0].softness is not None and "averaged over learning rate" in found.study_map.notes


def test_alpha_of_several_schedules_is_its_end(write_study, rows):
    trials = rows("softloc", 40)
    ends = np.random.default_rng(0).uniform(0.1, 0.9, 40)
    ramp = {"low": 0.2, "start": 0.2, "stop": 0.9}
    specs = [
        {"constant": end} if index % 2 else {"ramp": {**ramp, "high": end}} for index, end in enumerate(ends)
    ]
    study = load_results(write_study(trials.assign(alpha=[json.dumps(spec) for spec in specs])))
    columns = with_option_columns(study, study.completed)
    np.testing.assert_allclose(columns.set_index("trial_id")["alpha.end"].sort_index(), ends)
    assert [axis.label for axis in swept_axes(study, columns)][-1] == "alpha at the end"
    assert map_study(study, view=View(x="alpha")).panels[0].axes[0].column == "alpha.end"


def test_alpha_of_a_ramp_is_its_high_end(write_study, rows):
    highs = np.random.default_rng(0).uniform(0.5, 0.9, 30)
    specs = [{"ramp": {"low": 0.2, "high": high, "start": 0.2, "stop": 0.9}} for high in highs]
    trials = rows("softloc", 30).assign(alpha=[json.dumps(spec) for spec in specs])
    found = map_study(load_results(write_study(trials)), view=View(at={"alpha": 0.7}))
    assert found.held == ("alpha ramp high 0.7",)


def test_more_parameters_need_more_trials_for_a_kernel():
    def chosen(n, dimensions):
        return chosen_estimator("auto", bandwidth=None, n_trials=n, dimensions=dimensions)

    assert chosen(100, 2) == chosen(100, 1) == chosen(1000, 3) == "nadaraya_watson"
    assert chosen(99, 2) == chosen(999, 3) == chosen(9999, 4) == "gaussian_process"


def test_parameters_that_differ_only_between_losses_are_not_averaged_over(write_study, rows):
    groups = [
        rows(loss, 40).assign(alpha=json.dumps({"constant": alpha}))
        for loss, alpha in (("softloc", 0.9), ("cross_entropy", 0.0))
    ]
    study = load_results(write_study(*groups))
    assert len(swept_axes(study, with_option_columns(study, study.completed))) == 3
    assert len(swept_axes(study, with_option_columns(study, study.completed), by="loss")) == 2
    assert not [note for note in map_study(study).notes if "averaged" in note]
