import numpy as np
import pytest

from analysis.regression import Grid
from analysis.simulation import KNOWN_SURFACES, SPACE_MS, simulated_f1, uniform_design
from analysis.surfaces import ESTIMATORS, fit_regression
from analysis.uncertainty import binomial_weights, bootstrap, pointwise_band, simultaneous_band

COARSE = Grid(tuple(np.linspace(low, high, n) for (low, high), n in zip(SPACE_MS, (16, 11), strict=True)))


def simulated(surface, *, n=100, seed=0, noise_sd=0.012):
    rng = np.random.default_rng(seed)
    points = uniform_design(n, rng)
    return points, simulated_f1(surface, points, noise_sd=noise_sd, rng=rng)


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_pointwise_bands_cover_what_they_say(estimator):
    covered = []
    for seed, surface in enumerate(KNOWN_SURFACES):
        points, values = simulated(surface, seed=seed, n=210)
        fit = fit_regression(points, values, estimator=estimator)
        band = pointwise_band(fit, COARSE, level=0.9)
        truth = KNOWN_SURFACES[surface](*COARSE.points().T)
        covered.append(np.mean((band.low <= truth) & (truth <= band.high)))
    assert 0.83 <= np.mean(covered) <= 0.97


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_simultaneous_bands_are_wider_and_cover_all_at_once_more_often(estimator):
    points, values = simulated("paper", seed=3)
    fit = fit_regression(points, values, estimator=estimator)
    pointwise, simultaneous = pointwise_band(fit, COARSE), simultaneous_band(fit, COARSE)
    ratio = (simultaneous.high - simultaneous.mean) / (pointwise.high - pointwise.mean)
    assert np.ptp(ratio) < 1e-6 and 1.2 < ratio[0] < 3.0
    again = simultaneous_band(fit, COARSE)
    np.testing.assert_array_equal(again.low, simultaneous.low)


def test_bootstrap_keeps_replicates_together():
    points, values = simulated("wave", n=30)
    points, values = np.repeat(points, 3, axis=0), np.repeat(values, 3)
    seen = []

    def fit(at, z):
        seen.append(at)
        return fit_regression(at, z, bandwidth=20.0)

    fits = list(bootstrap(points, values, fit, n=20))
    assert len(fits) == 20
    for at in seen:
        counts = np.unique(at, axis=0, return_counts=True)[1]
        assert len(at) == 90 and np.all(counts % 3 == 0)


def test_bootstrap_agrees_with_the_closed_form():
    points, values = simulated("plateau", n=300, noise_sd=0.03)
    fit = fit_regression(points, values, bandwidth=15.0)
    spread = np.std(
        [
            one.predict(COARSE)
            for one in bootstrap(points, values, lambda at, z: fit_regression(at, z, bandwidth=15.0))
        ],
        axis=0,
    )
    inside = fit.support(COARSE) > 8
    assert np.median(spread[inside] / fit.noise_error(COARSE)[inside]) == pytest.approx(1.0, abs=0.2)


def test_bootstrap_over_given_groups():
    points, values = simulated("wave", n=20)
    groups = np.repeat([0, 1], 10)
    for fit in bootstrap(
        points, values, lambda at, z: fit_regression(at, z, bandwidth=9.0), groups=groups, n=5
    ):
        assert len(fit.points) == 20


def test_binomial_weights_follow_the_number_of_reference_events():
    rng = np.random.default_rng(0)
    n_reference = np.repeat([20, 2000], 200)
    matched = rng.binomial(n_reference, 0.8)
    recall = matched / n_reference
    weights = binomial_weights(recall, n_reference, np.full(400, 0.8), metric="recall")
    assert weights.mean() == pytest.approx(1.0)
    assert weights[-1] / weights[0] > 20
    even = binomial_weights(recall + rng.normal(0, 0.3, 400), n_reference, np.full(400, 0.8), metric="recall")
    assert even[-1] / even[0] < 1.5


def test_f1_variance_is_the_delta_methods():
    """F1 of a union of reference and estimated events of which each is matched or not."""
    rng = np.random.default_rng(1)
    union, shared = 400, 0.6
    matched = rng.binomial(union, shared, 40000)
    f1 = 2 * matched / (union + matched)
    mean = 2 * shared / (1 + shared)
    n_reference = union * (1 + shared) / 2
    expected = mean * (1 - mean) * (2 - mean) / (2 * n_reference)
    assert f1.var() == pytest.approx(expected, rel=0.05)
