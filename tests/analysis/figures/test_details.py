"""The figures that complement the map."""

import pytest

from analysis.answers.maps import map_study
from analysis.figures.details import plot_slices, plot_uncertainty
from analysis.reading.results import load_results
from analysis.report.commands import write_surface
from analysis.report.outputs import ReportOptions


@pytest.fixture
def study(write_study, rows):
    return load_results(write_study(rows("softloc", 120)))


def test_details_need_a_surface(write_study, rows):
    curves = map_study(load_results(write_study(rows("cross_entropy", 12))))
    assert plot_uncertainty(curves) is None and plot_slices(curves) is None


def test_surface_writes_uncertainty_slices_and_ridge(study, tmp_path):
    names = [path.name for path in write_surface(study.location, ReportOptions(out_dir=tmp_path)).paths]
    assert names[3:] == [
        "surface_uncertainty.png",
        "surface_uncertainty.svg",
        "surface_slices.png",
        "surface_slices.svg",
        "surface_ridge.csv",
    ]
