"""Ridges and slices of surfaces."""

import numpy as np
import pytest

from analysis.answers.maps import map_study
from analysis.answers.ridges import fit_ridge, slices
from analysis.reading.results import load_results


@pytest.fixture
def study(write_study, rows):
    return load_results(write_study(rows("softloc", 120)))


@pytest.mark.parametrize("estimator", ["local_linear", "gaussian_process"])
def test_the_ridge_band_contains_the_simulated_ridge(study, estimator):
    ridge = fit_ridge(map_study(study, estimator=estimator).panels[0], level=0.95)
    inside = (ridge.best.low - 3 <= 30 + 0.7 * ridge.along) & (30 + 0.7 * ridge.along <= ridge.best.high + 3)
    assert inside.mean() > 0.8
    assert np.all((ridge.best.low <= ridge.best.mean) & (ridge.best.mean <= ridge.best.high))


def test_a_flat_surface_has_a_wide_ridge(write_study, rows):
    trials = rows("softloc", 80)
    trials["f1"] = 0.8 + np.random.default_rng(0).normal(0, 0.01, 80)
    ridge = fit_ridge(map_study(load_results(write_study(trials)), estimator="gaussian_process").panels[0])
    assert np.median(ridge.best.high - ridge.best.low) > 60


def test_slices_are_cuts_of_the_surface(study):
    panel = map_study(study).panels[0]
    across = slices(panel, axis=0, n=3)
    assert [cut.at for cut in across] == [0.0, 50.0, 100.0]
    expected = panel.regression.predict(np.column_stack([across[1].along, np.full(121, 50.0)]))
    np.testing.assert_allclose(across[1].band.mean, expected)
    up = slices(panel, axis=1, n=2)[1]
    np.testing.assert_allclose(up.band.mean[-1], panel.regression.predict(np.array([[150.0, 100.0]]))[0])
    assert np.all(up.band.low <= up.band.high)
