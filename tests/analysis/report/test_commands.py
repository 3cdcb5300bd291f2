import json

import numpy as np
import pandas as pd
import pytest

from analysis.answers.maps import map_study
from analysis.errors import AnalysisError
from analysis.figures.terminal import text_map
from analysis.reading.axes import axis_of, swept_axes, with_option_columns
from analysis.reading.results import load_results
from analysis.report.commands import write_surface
from analysis.report.outputs import ReportOptions


@pytest.fixture
def study(write_study, rows):
    return write_study(rows("softloc", 60), rows("cross_entropy", 15))


def test_surface_writes_figures_and_lattice(study):
    output = write_surface(study)
    assert [path.name for path in output.paths[:3]] == ["surface.png", "surface.svg", "surface.parquet"]
    assert all(path.parent == study / "figures" and path.stat().st_size > 1000 for path in output.paths)
    lattice = pd.read_parquet(output.paths[2])
    assert list(lattice) == ["loss", "softness_s", "label_noise_s", "f1", "f1_standard_error", "support"]
    softloc = lattice[lattice["loss"] == "softloc"]
    assert len(softloc) == 301 * 201 and softloc["softness_s"].max() == pytest.approx(0.15)
    assert lattice[lattice["loss"] == "cross_entropy"]["softness_s"].isna().all()
    assert lattice.loc[lattice["support"] < 1, "f1"].isna().all()


def test_output_is_reproducible_byte_for_byte(study, tmp_path):
    first, second = (write_surface(study, ReportOptions(out_dir=tmp_path / name)).paths for name in "ab")
    for one, other in zip(first, second, strict=True):
        assert one.read_bytes() == other.read_bytes()


def test_the_text_fits_80_columns_and_shows_the_map(study):
    text = write_surface(study).text
    assert max(map(len, text.splitlines())) <= 80
    rows = [line[7:] for line in text.splitlines() if line[7:8] and set(line[7:]) <= set(" .:-=+*%#@")]
    assert len(rows) == 14
    curve = next(line for line in text.splitlines() if line.startswith("cross_entropy")).split()[1:]
    assert float(curve[0]) > 0.75 > 0.4 > float(curve[4])
    coloured = write_surface(study, ReportOptions(colour=True)).text
    assert "\x1b[38;2;" in coloured and "▀" in coloured


def test_each_loss_has_a_panel_with_its_axes(study):
    study_map = map_study(load_results(study), estimator="local_linear", bandwidth=20.0)
    surface, curve = study_map.panels
    assert (surface.name, curve.name) == ("softloc", "cross_entropy")
    assert [axis.title for axis in surface.axes] == ["softness (ms)", "label noise (ms)"]
    assert [(axis.low, axis.high) for axis in surface.axes] == [(0, 150), (0, 100)]
    assert [axis.column for axis in curve.axes] == ["label_noise_s"]
    low, high = study_map.limits
    assert low <= np.nanmin(curve.value) and np.nanmax(surface.value) <= high


def test_infinite_softness_is_left_out_with_a_note(write_study, rows):
    trials = rows("softloc", 30)
    trials.loc[:3, "softness_s"] = np.inf
    study_map = map_study(load_results(write_study(trials)))
    assert len(study_map.panels[0].values) == 26
    assert "4 trials with infinite softness" in study_map.notes[0]


def test_other_parameters_are_averaged_over_or_plotted(write_study, rows):
    trials = rows("softloc", 30)
    rng = np.random.default_rng(0)
    trials["alpha"] = [json.dumps({"constant": value}) for value in rng.uniform(0, 1, 30)]
    trials["learning_rate"] = rng.uniform(1e-3, 1e-2, 30)
    study = load_results(write_study(trials))
    swept = swept_axes(study, with_option_columns(study, study.completed))
    assert [axis.column for axis in swept] == [
        "softness_s",
        "label_noise_s",
        "learning_rate",
        "alpha.constant",
    ]
    assert "averaged over learning rate, alpha" in map_study(study).notes
    only = load_results(write_study(trials.assign(softness_s=0.1, label_noise_s=0.05), name="only"))
    assert [axis.column for axis in map_study(only).panels[0].axes] == ["learning_rate", "alpha.constant"]


def test_an_axis_without_a_study_file_covers_the_trials(write_study, rows):
    folder = write_study(rows("softloc", 40))
    (folder / "study.yaml").unlink()
    study = load_results(folder)
    axis = axis_of(study, study.trials, "softness_s")
    shown = axis.shown(study.trials)
    assert axis.low <= shown.min() < axis.low + 10 and axis.high - 10 <= shown.max() <= axis.high


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda rows: rows.iloc[:1], "3 or more different points, but .* has 1 completed trial"),
        (
            lambda rows: rows.assign(softness_s=0.1, label_noise_s=0.1),
            "has 30 completed trials at one point",
        ),
        (lambda rows: rows.iloc[:2], "3 or more different points, but got 2 trials at 2 points"),
        (lambda rows: rows.assign(f1=np.nan), "must be a finite number"),
        (lambda rows: rows.assign(status="failed"), "at least one completed trial"),
        (
            lambda rows: rows.assign(softness_s=np.inf, label_noise_s=0.1),
            "has 30 completed trials at one point",
        ),
    ],
)
def test_studies_without_a_surface_are_rejected(write_study, rows, spoil, message):
    with pytest.raises(AnalysisError, match=message):
        write_surface(write_study(spoil(rows("softloc", 30)), parts=1))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"metric": "f3"}, "must have the columns f3"),
        ({"metric": "loss"}, "`loss` of every completed trial must be a finite number"),
        ({"estimator": "spline"}, "`estimator` must be one of"),
        ({"bandwidth": -1.0}, "`bandwidth` must be above 0"),
    ],
)
def test_invalid_options_are_rejected(study, change, message):
    with pytest.raises(AnalysisError, match=message):
        write_surface(study, ReportOptions(**change))
    assert not (study / "figures").exists()


def test_one_small_loss_does_not_hide_the_others(write_study, rows):
    study_map = map_study(load_results(write_study(rows("softloc", 30), rows("one_sided", 2))))
    assert [panel.name for panel in study_map.panels] == ["softloc"]
    assert any("one_sided is not shown" in note for note in study_map.notes)
    assert "one_sided is not shown" in text_map(study_map, colour=False)


def test_a_remote_study_needs_a_folder(study):
    with pytest.raises(AnalysisError, match="figures need a local folder"):
        write_surface(study.as_uri())
