import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from scipy.optimize import check_grad
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, Matern

from analysis.errors import AnalysisError
from analysis.regression.base import Grid
from analysis.regression.gaussian_process import fit_gaussian_process
from analysis.regression.gp_kernels import KERNELS, KernelSearch, log_prior
from analysis.regression.surfaces import fit_surface
from analysis.testing.known_surfaces import simulated_f1, uniform_design

THEIRS = {"matern": lambda scale: Matern(scale, nu=2.5), "squared_exponential": RBF}
BOTH_KERNELS = pytest.mark.parametrize("kernel", KERNELS)


def trials(n=60, *, surface="wave", noise_sd=0.01, seed=0):
    rng = np.random.default_rng(seed)
    points = uniform_design(n, rng)
    return points, simulated_f1(surface, points, noise_sd=noise_sd, rng=rng), rng.uniform(0.5, 2.0, n)


def embedded(kernel, points):
    """Return points whose Euclidean distance is the kernel's: scaled, with the direction as another axis."""
    return np.column_stack([points / kernel.length_scale, points @ kernel.direction])


@BOTH_KERNELS
def test_the_posterior_agrees_with_scikit_learn(kernel):
    """In scikit-learn the unknown mean is a constant component with practically infinite variance."""
    points, values, weights = trials()
    fit = fit_gaussian_process(points, values, weights, kernels=[kernel])
    (posterior,) = fit.posteriors
    covariance = ConstantKernel(1e4) + ConstantKernel(posterior.variance) * THEIRS[kernel](1.0)
    oracle = GaussianProcessRegressor(covariance, alpha=fit.noise_sd**2 / weights, optimizer=None)
    oracle.fit(embedded(fit.kernels[0], points), values)
    query = uniform_design(50, np.random.default_rng(1))
    mean, sd = oracle.predict(embedded(fit.kernels[0], query), return_std=True)
    np.testing.assert_allclose(fit.predict(query), mean, atol=1e-5)
    np.testing.assert_allclose(fit.standard_error(query), sd, rtol=1e-3)
    np.testing.assert_allclose(
        fit.covariance(query, query),
        oracle.predict(embedded(fit.kernels[0], query), return_cov=True)[1],
        atol=1e-6,
    )


@BOTH_KERNELS
def test_the_evidence_agrees_with_scikit_learn(kernel):
    points, values, weights = trials(30)
    scaled = points / 100.0
    search = KernelSearch(kernel, scaled, values - values.mean(), weights)

    def evidence(length_scale, noise_ratio):
        parameters = np.log([*length_scale, noise_ratio])
        return -search(parameters)[0] + log_prior(parameters, 2)[0]

    def theirs(length_scale, noise_ratio):
        correlation = THEIRS[kernel](length_scale)(scaled) + np.diag(noise_ratio / weights)
        inverse = np.linalg.inv(correlation)
        centred = values - inverse.sum(axis=0) @ values / inverse.sum()
        scale = centred @ inverse @ centred / 30
        oracle = GaussianProcessRegressor(
            ConstantKernel(scale) * THEIRS[kernel](length_scale),
            alpha=scale * noise_ratio / weights,
            optimizer=None,
        )
        return oracle.fit(scaled, centred).log_marginal_likelihood_value_

    first, second = (([0.3, 0.5], 0.02), ([1.0, 0.2], 0.3))
    assert evidence(*first) - evidence(*second) == pytest.approx(theirs(*first) - theirs(*second), rel=1e-5)


@BOTH_KERNELS
@pytest.mark.parametrize("directional", [False, True])
def test_the_gradient_agrees_with_finite_differences(kernel, directional):
    points, values, weights = trials(30)
    search = KernelSearch(kernel, points / 100.0, values - values.mean(), weights, directional=directional)
    starts = ([-1.0, 0.2, -3.0], [0.5, -1.5, 0.0])
    if directional:
        starts = ([-1.0, 0.2, 1.5, -2.0, -3.0], [0.5, -1.5, 0.1, 3.0, 0.0])
    for start in starts:
        error = check_grad(lambda at: search(at)[0], lambda at: search(at)[1], np.array(start), epsilon=1e-6)
        assert error < 1e-3 * np.linalg.norm(search(np.array(start))[1])


def test_noise_and_length_scales_are_found():
    points, values, _ = trials(300, noise_sd=0.02)
    fit = fit_gaussian_process(points, values, np.ones(300))
    assert fit.noise_sd == pytest.approx(0.02, rel=0.15)
    surface = fit_surface(
        *points.T, 0.5 + points[:, 0] / 1000 + 0.05 * np.sin(points[:, 0] / 15), estimator="gaussian_process"
    )
    kernel = surface.regression.kernels[0]
    across, up = 1 / kernel.length_scale**2 + kernel.direction**2
    assert across > 25 * up


def test_a_diagonal_slope_is_found_with_its_direction():
    """A function of softness minus noise needs one direction and half of the trials."""
    rng, query = np.random.default_rng(0), uniform_design(400, np.random.default_rng(9))
    truth = np.tanh((query[:, 0] - query[:, 1]) / 20.0)
    errors = {False: [], True: []}
    for seed in range(3):
        points = uniform_design(50, np.random.default_rng(seed))
        values = np.tanh((points[:, 0] - points[:, 1]) / 20.0) + rng.normal(0, 0.05, 50)
        for directional, found in errors.items():
            fit = fit_gaussian_process(points, values, np.ones(50), directional=directional)
            found.append(np.sqrt(np.mean((fit.predict(query) - truth) ** 2)))
    softness, noise = fit.main_kernel.direction
    assert softness == pytest.approx(-noise, rel=0.15)
    assert np.mean(errors[True]) < 0.6 * np.mean(errors[False])


@given(value=st.floats(-10, 10), seed=st.integers(0, 99))
@settings(max_examples=10, deadline=None)
def test_a_constant_is_reproduced(value, seed):
    points = uniform_design(12, np.random.default_rng(seed))
    fit = fit_gaussian_process(points, np.full(12, value), np.ones(12))
    np.testing.assert_allclose(fit.predict(points + 1), value, atol=1e-6)


@given(seed=st.integers(0, 99), factor=st.sampled_from([1e-3, 1.0, 60.0]))
@settings(max_examples=10, deadline=None)
def test_row_order_and_units_do_not_matter(seed, factor):
    points, values, weights = trials(25, seed=seed)
    order = np.random.default_rng(seed).permutation(25)
    first = fit_gaussian_process(points, values, weights)
    second = fit_gaussian_process(points[order] * factor, values[order], weights[order])
    np.testing.assert_allclose(second.predict(points * factor), first.predict(points), atol=2e-3)


def test_grid_samples_and_support_are_consistent():
    points, values, weights = trials()
    fit = fit_gaussian_process(points, values, weights)
    grid = Grid((np.linspace(0, 150, 7), np.linspace(0, 100, 5)))
    np.testing.assert_allclose(fit.predict(grid), fit.predict(grid.points()))
    samples = fit.samples(grid, n=4000, rng=np.random.default_rng(0))
    np.testing.assert_allclose(samples.mean(axis=0), fit.predict(grid), atol=0.002)
    np.testing.assert_allclose(samples.std(axis=0), fit.standard_error(grid), rtol=0.2)
    assert fit.support(np.array([[1e4, 1e4]]))[0] < 1e-3 < 1 <= fit.support(points).min()


def test_too_many_trials_and_a_bandwidth_are_rejected():
    points, values, _ = trials(2001)
    with pytest.raises(AnalysisError, match="at most 2000 trials, but got 2001: use local_linear"):
        fit_surface(*points.T, values, estimator="gaussian_process")
    with pytest.raises(AnalysisError, match="`bandwidth` must be left out for a process"):
        fit_surface(*points[:9].T, values[:9], estimator="gaussian_process", bandwidth=3.0)


def test_a_contour_process_is_better_at_a_cliff_and_no_worse_on_a_wave():
    query = uniform_design(400, np.random.default_rng(9))
    ratios = {"cliff": [], "wave": []}
    for surface, found in ratios.items():
        for seed in range(4):
            points, values, _ = trials(80, surface=surface, seed=seed)
            truth = simulated_f1(surface, query, noise_sd=0.0, rng=np.random.default_rng(0))
            fits = [
                fit_surface(*points.T, values, estimator=name).regression
                for name in ("contour_process", "gaussian_process")
            ]
            contour, plain = (np.sqrt(np.mean((fit.predict(query) - truth) ** 2)) for fit in fits)
            found.append(contour / plain)
            assert np.all(fits[0].standard_error(query) >= fits[1].standard_error(query) - 1e-12)
    assert np.mean(ratios["cliff"]) < 1.0 and np.mean(ratios["wave"]) < 1.1


@pytest.mark.parametrize("estimator", ["gaussian_process", "contour_process"])
def test_smoother_times_values_is_the_estimate(estimator):
    points, values, _ = trials(40)
    fit = fit_surface(*points.T, values, estimator=estimator).regression
    np.testing.assert_allclose(fit.smoother(points) @ values, fit.predict(points), atol=1e-6)
