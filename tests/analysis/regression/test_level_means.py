"""Level means that are joined by lines."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, strategies as st

from analysis.errors import AnalysisError
from analysis.regression.base import Grid
from analysis.regression.level_means import LevelMeans, fit_level_means, has_levels

LEVELS = np.array([0.0, 25.0, 50.0, 100.0])


def trials(seed: int, n_replicates: int = 3) -> LevelMeans:
    rng = np.random.default_rng(seed)
    points = np.repeat(LEVELS, n_replicates)[:, None]
    order = rng.permutation(len(points))
    values = 0.9 - 0.006 * points[:, 0] + 0.02 * rng.standard_normal(len(points))
    return fit_level_means(points[order], values[order], rng.uniform(0.5, 2.0, len(points)))


@given(st.integers(0, 2**32 - 1), st.floats(-1.0, 1.0), st.floats(-0.1, 0.1))
def test_a_line_and_a_constant_are_reproduced(seed: int, height: float, slope: float) -> None:
    fit = trials(seed)
    exact = fit.with_points(fit.points, height + slope * fit.points[:, 0], fit.weights)
    at = np.linspace(0.0, 100.0, 41)[:, None]
    np.testing.assert_allclose(exact.predict(at), height + slope * at[:, 0], atol=1e-9)
    np.testing.assert_allclose(exact.noise_sd, 0.0, atol=1e-9)
    np.testing.assert_allclose(fit.smoother(at).sum(axis=1), 1.0)


@given(st.integers(0, 2**32 - 1))
def test_level_means_are_a_least_squares_linear_spline(seed: int) -> None:
    fit = trials(seed)
    basis = np.stack([np.interp(fit.points[:, 0], LEVELS, hat) for hat in np.eye(4)], axis=1)
    root = np.sqrt(fit.weights)
    (knots, (squares,), *_) = np.linalg.lstsq(basis * root[:, None], fit.values * root)
    np.testing.assert_allclose(fit.predict(LEVELS[:, None]), knots)
    assert fit.noise_sd == pytest.approx(np.sqrt(squares / (len(fit.values) - 4)))
    between = (knots[2] + knots[3]) / 2
    assert fit.predict(np.array([[75.0]]))[0] == pytest.approx(between)
    np.testing.assert_allclose(fit.predict(np.array([[-5.0], [130.0]])), knots[[0, 3]])


def test_standard_error_and_support_are_those_of_a_mean() -> None:
    rng = np.random.default_rng(0)
    points = np.repeat(LEVELS, 6)[:, None]
    fit = fit_level_means(points, rng.standard_normal(24), np.ones(24))
    at = LEVELS[:, None]
    np.testing.assert_allclose(fit.standard_error(at), fit.noise_sd / np.sqrt(6))
    np.testing.assert_allclose(fit.support(at), 6.0)
    samples = fit.samples(at, n=20_000, rng=rng)
    np.testing.assert_allclose(samples.std(axis=0), fit.standard_error(at), rtol=0.03)
    np.testing.assert_allclose(fit.predict(Grid((LEVELS,))), fit.predict(at))


def test_a_mean_over_nodes_is_the_mean_of_the_estimates() -> None:
    fit = trials(1)
    nodes = np.array([[[10.0], [40.0], [90.0]]])
    assert fit.predict(nodes)[0] == pytest.approx(fit.predict(nodes[0]).mean())


def test_the_band_covers_the_truth_at_the_levels() -> None:
    covered = []
    for seed in range(300):
        fit = trials(seed, n_replicates=4)
        fit = fit.with_points(fit.points, fit.values, np.ones_like(fit.weights))
        error = fit.predict(LEVELS[:, None]) - (0.9 - 0.006 * LEVELS)
        covered.append(np.abs(error) <= 1.782 * fit.standard_error(LEVELS[:, None]))  # t, 12 degrees, 90 %
    assert 0.87 < np.mean(covered) < 0.93


@pytest.mark.parametrize(
    "points",
    [np.zeros((6, 2)), np.repeat(np.arange(13.0), 2)[:, None], np.array([[0.0], [0.0], [1.0], [2.0], [2.0]])],
)
def test_other_designs_are_rejected(points: np.ndarray) -> None:
    assert not has_levels(points)
    with pytest.raises(
        AnalysisError, match="needs one parameter with at most 12 levels and two or more trials at each"
    ):
        fit_level_means(points, np.zeros(len(points)), np.ones(len(points)))
