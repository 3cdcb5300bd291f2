"""What a notebook imports from `analysis`."""

from __future__ import annotations

import inspect
import subprocess
import sys

import pytest

import analysis

FUNCTIONS = ("compare_losses", "fit_surface", "load_results", "map_study", "recommend")


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_notebook_finds_every_answer_with_its_documentation(name):
    function = getattr(analysis, name)
    text = inspect.getdoc(function)
    for parameter in inspect.signature(function).parameters:
        assert f"    {parameter}: " in text
    assert "Raises:" in text and "Returns:" in text


def test_all_names_of_the_door_exist():
    assert {*FUNCTIONS, "AnalysisError", "StoredStudy"} <= set(analysis.__all__)
    assert all(getattr(analysis, name) is not None for name in analysis.__all__)


def test_importing_the_door_loads_nothing():
    code = "import sys, analysis; print(sorted({'pandas', 'matplotlib', 'scipy'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "[]"


def test_answers_need_a_few_lines(write_study, rows):
    from analysis import fit_surface, load_results, map_study, recommend

    study = load_results(write_study(rows("softloc", 40)))
    trials = study.completed
    surface = fit_surface(trials["softness_s"] * 1000, trials["label_noise_s"] * 1000, trials["f1"])
    assert 0 < surface.predict(60, 40) < 1
    assert set(map_study(study).table()) >= {"loss", "softness_s", "label_noise_s", "f1"}
    assert recommend(study, label_noise_s=0.05).choices[0].name == "softloc"
