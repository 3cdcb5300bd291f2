import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from analysis.regression.base import Grid
from analysis.regression.kernel import KernelRegression

DEGREES = pytest.mark.parametrize("degree", [0, 1])
DIMENSIONS = pytest.mark.parametrize("dimensions", [1, 2, 3, 4])


def scattered(n, dimensions, *, seed=0):
    rng = np.random.default_rng(seed)
    points = rng.uniform(0, 100, (n, dimensions))
    return points, np.sin(points / 30).sum(axis=1) + rng.normal(0, 0.1, n), rng.uniform(0.5, 2, n)


def fitted(points, values, *, degree, bandwidth=15.0, weights=None):
    widths = np.full(points.shape[1], bandwidth) * np.linspace(1, 1.5, points.shape[1])
    return KernelRegression(
        points,
        values,
        bandwidth=widths,
        degree=degree,
        weights=np.ones(len(values)) if weights is None else weights,
    )


def by_double_loop(fit, query):
    """Compute weighted least squares at every query point, one trial at a time."""
    estimate, squared = [], []
    for at in query:
        kernel = np.zeros(len(fit.points))
        for index, point in enumerate(fit.points):
            kernel[index] = fit.weights[index] * np.exp(-0.5 * np.sum(((at - point) / fit.bandwidth) ** 2))
        design = np.column_stack([np.ones(len(kernel)), *((fit.points - at).T if fit.degree else [])])
        smoother = np.linalg.solve(design.T @ (kernel[:, None] * design), (kernel[:, None] * design).T)[0]
        estimate.append(smoother @ fit.values)
        squared.append(np.sum(smoother**2 / fit.weights))
    return np.array(estimate), np.array(squared)


@DEGREES
@DIMENSIONS
def test_agrees_with_a_double_loop(degree, dimensions):
    points, values, weights = scattered(80, dimensions)
    fit = fitted(points, values, degree=degree, weights=weights, bandwidth=25.0)
    query = np.random.default_rng(1).uniform(10, 90, (20, dimensions))
    estimate, squared = by_double_loop(fit, query)
    np.testing.assert_allclose(fit.predict(query), estimate, rtol=1e-8)
    np.testing.assert_allclose((fit.noise_error(query) / fit.noise_sd) ** 2, squared, rtol=1e-6)


@DEGREES
def test_grid_agrees_with_points(degree):
    points, values, weights = scattered(100, 2)
    fit = fitted(points, values, degree=degree, weights=weights)
    grid = Grid((np.linspace(0, 100, 13), np.linspace(-5, 105, 7)))
    for function in (fit.predict, fit.standard_error, fit.support):
        np.testing.assert_allclose(function(grid), function(grid.points()), rtol=1e-9)


@DEGREES
@DIMENSIONS
def test_leave_one_out_agrees_with_refitting(degree, dimensions):
    points, values, weights = scattered(60, dimensions)
    fit = fitted(points, values, degree=degree, weights=weights, bandwidth=40.0)
    for index in range(0, 60, 7):
        kept = np.arange(60) != index
        without = fitted(points[kept], values[kept], degree=degree, weights=weights[kept], bandwidth=40.0)
        expected = without.predict(points[[index]])[0]
        assert fit.leave_one_out()[index] == pytest.approx(expected, abs=1e-9)


@DEGREES
def test_leverage_is_the_smoothers_diagonal(degree):
    points, values, _ = scattered(40, 2)
    fit = fitted(points, values, degree=degree)
    for index in (0, 17):
        moved = fitted(points, values + (np.arange(40) == index), degree=degree)
        assert fit.leverage[index] == pytest.approx(moved.fitted[index] - fit.fitted[index], abs=1e-10)


@given(value=st.floats(-1e3, 1e3), seed=st.integers(0, 99))
@settings(max_examples=25, deadline=None)
def test_a_constant_is_reproduced(value, seed):
    points, _, weights = scattered(30, 2, seed=seed)
    query = np.random.default_rng(seed).uniform(0, 100, (20, 2))
    for degree in (0, 1):
        fit = fitted(points, np.full(30, value), degree=degree, weights=weights)
        np.testing.assert_allclose(fit.predict(query), value, atol=1e-9 * max(1, abs(value)))


@given(slopes=st.lists(st.floats(-2, 2), min_size=2, max_size=4), seed=st.integers(0, 99))
@settings(max_examples=25, deadline=None)
def test_a_plane_is_exact_under_local_linear(slopes, seed):
    points, _, weights = scattered(60, len(slopes), seed=seed)
    fit = fitted(points, 3 + points @ slopes, degree=1, weights=weights, bandwidth=40.0)
    np.testing.assert_allclose(fit.predict(points), 3 + points @ slopes, atol=1e-6)
    assert np.all(fit.standard_error(points) < 1e-6)


@given(seed=st.integers(0, 99), factor=st.floats(1e-3, 1e3))
@settings(max_examples=25, deadline=None)
def test_row_order_and_units_do_not_matter(seed, factor):
    points, values, weights = scattered(30, 2, seed=seed)
    order = np.random.default_rng(seed).permutation(30)
    for degree in (0, 1):
        first = fitted(points, values, degree=degree, weights=weights)
        second = KernelRegression(
            points[order] * factor,
            values[order],
            bandwidth=first.bandwidth * factor,
            degree=degree,
            weights=weights[order],
        )
        for name in ("predict", "standard_error", "support"):
            expected, found = getattr(first, name)(points), getattr(second, name)(points * factor)
            np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-8)


@DEGREES
def test_far_away_the_nearest_trial_is_returned_without_support(degree):
    points, values, _ = scattered(30, 2)
    fit = fitted(points, values, degree=degree)
    far = np.array([[1e5, 1e5]])
    nearest = np.argmin(np.sum(((points - far) / fit.bandwidth) ** 2, axis=1))
    assert fit.predict(far)[0] == values[nearest]
    assert fit.support(far)[0] == 0
    assert fit.support(points).min() >= 1


def test_trials_on_a_line_fall_back_to_the_mean_of_the_neighbours():
    points = np.column_stack([np.linspace(0, 10, 20), np.full(20, 3.0)])
    values = np.cos(points[:, 0])
    constant, linear = (fitted(points, values, degree=degree, bandwidth=2.0) for degree in (0, 1))
    np.testing.assert_allclose(linear.predict(points), constant.predict(points), rtol=1e-9)


@DEGREES
def test_binning_of_many_trials_does_not_change_the_result(degree):
    points, values, weights = scattered(30_000, 2)
    fit = fitted(points, values, degree=degree, weights=weights, bandwidth=15.0)
    grid = Grid((np.linspace(0, 100, 6), np.linspace(0, 100, 5)))
    np.testing.assert_allclose(fit.predict(grid), fit.predict(grid.points()), atol=2e-4)
    np.testing.assert_allclose(fit.support(grid), fit.support(grid.points()), rtol=2e-3)


@DEGREES
@pytest.mark.filterwarnings("ignore:After 0.17:FutureWarning")
def test_agrees_with_statsmodels(degree):
    kernel_regression = pytest.importorskip("statsmodels.nonparametric.kernel_regression")
    points, values, _ = scattered(80, 2)
    fit = fitted(points, values, degree=degree)
    theirs = kernel_regression.KernelReg(
        values, points, var_type="cc", reg_type=("lc", "ll")[degree], bw=fit.bandwidth
    )
    query = np.random.default_rng(1).uniform(10, 90, (20, 2))
    np.testing.assert_allclose(fit.predict(query), theirs.fit(query)[0], rtol=1e-7)


def test_the_noise_is_recovered():
    rng = np.random.default_rng(3)
    points = rng.uniform(0, 100, (400, 2))
    fit = fitted(points, points[:, 0] / 100 + rng.normal(0, 0.05, 400), degree=1)
    assert fit.noise_sd == pytest.approx(0.05, rel=0.1)
