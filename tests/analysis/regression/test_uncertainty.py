import numpy as np
import pytest

from analysis.regression.base import Grid
from analysis.regression.surfaces import ESTIMATORS, fit_regression
from analysis.regression.uncertainty import (
    Bootstrapped,
    binomial_weights,
    bootstrap,
    pointwise_band,
    simultaneous_band,
    simultaneous_quantiles,
)
from analysis.testing.known_surfaces import KNOWN_SURFACES, SPACE_MS, simulated_f1, uniform_design

COARSE = Grid(tuple(np.linspace(low, high, n) for (low, high), n in zip(SPACE_MS, (16, 11), strict=True)))


def simulated(surface, *, n=100, seed=0, noise_sd=0.012):
    rng = np.random.default_rng(seed)
    points = uniform_design(n, rng)
    return points, simulated_f1(surface, points, noise_sd=noise_sd, rng=rng)


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_pointwise_bands_have_their_nominal_coverage(estimator):
    covered = []
    for seed, surface in enumerate(KNOWN_SURFACES):
        points, values = simulated(surface, seed=seed, n=210)
        fit = fit_regression(points, values, estimator=estimator)
        band = pointwise_band(fit, COARSE, level=0.9)
        truth = KNOWN_SURFACES[surface](*COARSE.points().T)
        covered.append(np.mean((band.low <= truth) & (truth <= band.high)))
    assert 0.83 <= np.mean(covered) <= 0.97


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_simultaneous_bands_are_wider_by_a_constant_factor(estimator):
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

    def fit(at, z, weights):
        seen.append(at)
        return fit_regression(at, z, bandwidth=20.0, weights=weights)

    fits = list(bootstrap(points, values, fit, n=20))
    assert len(fits) == 20
    for at in seen:
        counts = np.unique(at, axis=0, return_counts=True)[1]
        assert len(at) == 90 and np.all(counts % 3 == 0)


def test_bootstrap_agrees_with_the_closed_form():
    points, values = simulated("plateau", n=300, noise_sd=0.03)
    fit = fit_regression(points, values, bandwidth=15.0)
    spread = np.std(
        [one.predict(COARSE) for one in bootstrap(points, values, fit.with_points)],
        axis=0,
    )
    inside = fit.support(COARSE) > 8
    assert np.median(spread[inside] / fit.noise_error(COARSE)[inside]) == pytest.approx(1.0, abs=0.2)


def test_bootstrap_resamples_given_groups():
    points, values = simulated("wave", n=20)
    groups = np.repeat([0, 1], 10)
    first = fit_regression(points, values, bandwidth=9.0)
    for fit in bootstrap(points, values, first.with_points, groups=groups, n=5):
        assert len(fit.points) == 20


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_bootstrapped_error_is_the_spread_of_its_fits(estimator):
    points, values = simulated("wave", n=60)
    fit = fit_regression(points, values, estimator=estimator)
    replicas = tuple(bootstrap(points, values, fit.with_points, n=12))
    found = Bootstrapped(fit, replicas)
    at = COARSE.points()[::7]
    spread = np.std([replica.predict(at) for replica in replicas], axis=0, ddof=1)
    np.testing.assert_allclose(found.standard_error(at), spread)
    for name in ("predict", "support", "smoother"):
        np.testing.assert_array_equal(getattr(found, name)(at), getattr(fit, name)(at))
    assert found.noise_sd == fit.noise_sd
    np.testing.assert_allclose(
        found.samples(at, n=12, rng=np.random.default_rng(0)).std(axis=0, ddof=1), spread
    )
    assert found.samples(at, n=30, rng=np.random.default_rng(0)).shape == (30, len(at))


def test_the_bootstrapped_error_on_a_fine_grid_is_interpolated():
    points, values = simulated("ridge", n=80)
    fit = fit_regression(points, values, bandwidth=15.0)
    found = Bootstrapped(fit, tuple(bootstrap(points, values, fit.with_points, n=10)))
    fine = Grid(tuple(np.linspace(low, high, n) for (low, high), n in zip(SPACE_MS, (121, 81), strict=True)))
    exact = found.standard_error(fine.points())
    np.testing.assert_allclose(found.standard_error(fine), exact, atol=0.03 * exact.max())


def test_other_recordings_widen_the_bootstrapped_error():
    points, values = simulated("plateau", n=60)
    fit = fit_regression(points, values, bandwidth=20.0)
    shift = np.random.default_rng(0).normal(0, 0.05, (40, 1)) * np.ones(60)
    errors = [
        Bootstrapped(fit, tuple(bootstrap(points, values, fit.with_points, shift=moved, n=40)))
        .standard_error(COARSE)
        .mean()
        for moved in (None, shift)
    ]
    assert errors[1] > 2 * errors[0] and errors[1] == pytest.approx(0.05, rel=0.4)


def test_the_simultaneous_band_of_a_kernel_uses_a_process():
    covered = []
    for seed in range(3):
        points, values = simulated("cliff", n=120, seed=seed)
        fit = fit_regression(points, values)
        process = fit_regression(points, values, estimator="gaussian_process")
        truth = KNOWN_SURFACES["cliff"](*COARSE.points().T)
        bands = [simultaneous_band(fit, COARSE, process=one) for one in (None, process)]
        covered.append([np.mean((band.low <= truth) & (truth <= band.high)) for band in bands])
        single = pointwise_band(fit, COARSE)
        assert np.all(bands[1].low <= single.low) and np.all(bands[1].high >= single.high)
        np.testing.assert_array_equal(bands[1].mean, fit.predict(COARSE))
    assert np.mean(covered, axis=0)[1] > 0.98 > np.mean(covered, axis=0)[0]


def test_simultaneous_quantiles_contain_a_share_of_whole_samples():
    samples = np.random.default_rng(0).normal(size=(2000, 12)).cumsum(axis=1)
    low, high = simultaneous_quantiles(samples, level=0.8)
    inside = ((low - 1e-12 <= samples) & (samples <= high + 1e-12)).all(axis=1).mean()
    assert inside == pytest.approx(0.8, abs=0.03)
    single = np.quantile(samples, 0.9, axis=0)
    assert np.all(high > single)


def test_simultaneous_quantiles_of_samples_at_an_end_include_it():
    """If most samples are at the end of the range, the band includes the end."""
    samples = np.where(np.random.default_rng(0).random((500, 6)) < 0.97, 150.0, 20.0)
    low, high = simultaneous_quantiles(samples, level=0.5)
    np.testing.assert_array_equal(high, 150.0)
    assert np.all(low <= 150.0)


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


def test_the_variance_of_f1_agrees_with_the_delta_method():
    """Each event in the union of reference and estimated events is matched or not."""
    rng = np.random.default_rng(1)
    union, shared = 400, 0.6
    matched = rng.binomial(union, shared, 40000)
    f1 = 2 * matched / (union + matched)
    mean = 2 * shared / (1 + shared)
    n_reference = union * (1 + shared) / 2
    expected = mean * (1 - mean) * (2 - mean) / (2 * n_reference)
    assert f1.var() == pytest.approx(expected, rel=0.05)
