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


def test_the_flat_range_is_where_the_mean_is_within_a_hundredth_of_the_best(study):
    """Oracle: a loop from the best point in both directions over the predicted means."""
    panel = map_study(study, estimator="gaussian_process").panels[0]
    ridge = fit_ridge(panel)
    softness = panel.axes[0].lattice(121)
    for index in (0, 20, 40):
        at = np.column_stack([softness, np.full(121, ridge.along[index])])
        mean = np.where(panel.regression.support(at) >= 1, panel.regression.predict(at), -np.inf)
        low = high = int(mean.argmax())
        while low > 0 and mean[low - 1] >= mean.max() - 0.01:
            low -= 1
        while high < 120 and mean[high + 1] >= mean.max() - 0.01:
            high += 1
        assert (ridge.flat.low[index], ridge.flat.high[index]) == (softness[low], softness[high])
    table = ridge.table(panel, by="loss", metric="f1")
    np.testing.assert_allclose(table["softness_s_flat_low"], ridge.flat.low / 1000)
    np.testing.assert_allclose(table["softness_s_flat_high"], ridge.flat.high / 1000)


def test_the_line_of_a_flat_ridge_is_left_out(write_study, rows):
    """Old state: a line that jumps from one end of the plateau to the other."""
    trials = rows("softloc", 80)
    trials["f1"] = 0.8 + np.random.default_rng(0).normal(0, 0.003, 80)
    panel = map_study(load_results(write_study(trials)), estimator="gaussian_process").panels[0]
    assert np.isnan(fit_ridge(panel).line(panel.axes[0])).mean() > 0.9


def test_the_line_of_a_narrow_ridge_is_drawn(write_study, rows):
    trials = rows("softloc", 120, sd=0.005)
    away = (1000 * trials["softness_s"] - 30 - 700 * trials["label_noise_s"]) / 25
    trials["f1"] = 0.5 + 0.3 * np.exp(-(away**2))
    panel = map_study(load_results(write_study(trials)), estimator="gaussian_process").panels[0]
    assert np.isfinite(fit_ridge(panel).line(panel.axes[0])).mean() > 0.8
