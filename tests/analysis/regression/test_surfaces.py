import numpy as np
import pytest

from analysis.errors import AnalysisError
from analysis.regression.bandwidths import merge_replicates, select_bandwidth
from analysis.regression.kernel import KernelRegression
from analysis.regression.surfaces import ESTIMATORS, fit_regression, fit_surface


def wave(n=210, *, seed=0, sd=0.01):
    rng = np.random.default_rng(seed)
    x, y = rng.uniform(0, 150, n), rng.uniform(0, 100, n)
    return x, y, 0.8 + 0.05 * np.sin(x / 25) + rng.normal(0, sd, n)


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_every_estimator_recovers_a_wave(estimator):
    surface = fit_surface(*wave(), estimator=estimator)
    x, y = np.meshgrid(np.linspace(10, 140, 20), np.linspace(10, 90, 10))
    error = surface.predict(x, y) - (0.8 + 0.05 * np.sin(x / 25))
    assert error.shape == (10, 20)
    assert np.sqrt(np.mean(error**2)) < 0.008
    assert np.all(surface.standard_error(x, y) > 0) and np.all(surface.support(x, y) >= 1)


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_on_grid_agrees_with_predict(estimator):
    surface = fit_surface(*wave(60), estimator=estimator)
    x, y = np.linspace(0, 150, 6), np.linspace(0, 100, 4)
    grid = surface.on_grid(x, y)
    np.testing.assert_allclose(grid.value, surface.predict(x[None, :], y[:, None]), rtol=1e-9)
    np.testing.assert_allclose(grid.standard_error, surface.standard_error(x[None, :], y[:, None]), rtol=1e-7)
    assert np.isnan(grid.supported).sum() == (grid.support < 1).sum()


@pytest.mark.parametrize("criterion", ["leave_one_out", "aicc"])
@pytest.mark.parametrize("degree", [0, 1])
def test_the_bandwidth_is_wide_along_a_flat_axis(criterion, degree):
    x, y, z = wave()
    across, up = select_bandwidth(np.column_stack([x, y]), z, degree=degree, criterion=criterion)
    assert 3 < across < 30 < up


@pytest.mark.parametrize("degree", [0, 1])
def test_no_neighbouring_bandwidth_is_better(degree):
    x, y, z = wave(80)
    points = np.column_stack([x, y])
    best = select_bandwidth(points, z, degree=degree)

    def error(bandwidth):
        fit = KernelRegression(points, z, bandwidth=bandwidth, degree=degree, weights=np.ones(80))
        return np.nanmean((z - fit.leave_one_out()) ** 2)

    for factor in ([0.7, 1], [1.4, 1], [1, 0.7], [0.8, 0.8], [1.25, 1.25]):
        assert error(best * factor) >= error(best) * 0.9999


def test_replicates_are_left_out_together():
    x, y, z = (np.repeat(values, 5) for values in wave(40, sd=0))
    noisy = z + np.random.default_rng(1).normal(0, 0.02, 200)
    bandwidth = select_bandwidth(np.column_stack([x, y]), noisy, degree=0)
    assert bandwidth[0] > 3
    points, means, totals = merge_replicates(np.column_stack([x, y]), noisy)
    assert len(points) == 40 and np.all(totals == 5)
    assert means.sum() * 5 == pytest.approx(noisy.sum())


def test_units_and_order_do_not_matter_to_the_bandwidth():
    x, y, z = wave(100)
    points = np.column_stack([x, y])
    expected = select_bandwidth(points, z, degree=0)
    np.testing.assert_allclose(
        select_bandwidth(points[::-1] / 1000, z[::-1], degree=0), expected / 1000, rtol=1e-6
    )


def test_a_subset_of_many_trials_is_used():
    x, y, z = wave(3000)
    bandwidth = select_bandwidth(np.column_stack([x, y]), z, degree=1)
    assert 3 < bandwidth[0] < 20


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x": [1, 2]}, "must have the same length, but got 2, 5 and 5"),
        ({"z": [1, 2, np.nan, 4, 5]}, "must be finite numbers"),
        (
            {"estimator": "spline"},
            "`estimator` must be one of nadaraya_watson, local_linear.*, but got spline",
        ),
        ({"criterion": "bic"}, "`criterion` must be one of leave_one_out, aicc, but got bic"),
        ({"bandwidth": 0.0}, "`bandwidth` must be above 0"),
        ({"bandwidth": (1.0, 2.0, 3.0)}, "`bandwidth` must be above 0, one number or one per axis"),
        ({"weights": [1, 1, 1, 1, 0]}, "one weight above 0 for every trial"),
        ({"x": [1] * 5, "y": [2] * 5}, "3 or more different points, but got 5 trials all at one point"),
        ({"x": [1, 1, 2, 2, 2], "y": [2] * 5}, "but got 5 trials at 2 points"),
        ({"x": [1], "y": [1], "z": [1]}, "but got 1 trial$"),
    ],
)
def test_invalid_arguments_are_rejected(change, message):
    given = {"x": [1, 2, 3, 4, 5], "y": [5, 3, 4, 1, 2], "z": [0.1, 0.2, 0.3, 0.4, 0.5]}
    with pytest.raises(AnalysisError, match=message):
        fit_surface(**{**given, **change})


def test_one_three_and_four_dimensions_are_supported():
    rng = np.random.default_rng(0)
    for dimensions in (1, 3, 4):
        points = rng.uniform(0, 1, (80, dimensions))
        fit = fit_regression(points, points.sum(axis=1), estimator="local_linear")
        np.testing.assert_allclose(fit.predict(points), points.sum(axis=1), atol=1e-4)
    with pytest.raises(AnalysisError, match="1 to 4 parameters, but got 5"):
        fit_regression(rng.uniform(0, 1, (9, 5)), np.ones(9))
    with pytest.raises(AnalysisError, match="3 or more different points, but got 2"):
        select_bandwidth(np.array([[0.0], [0.0], [1.0], [1.0]]), np.ones(4), degree=0)
