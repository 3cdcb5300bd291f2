import numpy as np
import pytest

from analysis.regression.base import Grid
from analysis.regression.sections import Section, averaging_places
from analysis.regression.surfaces import ESTIMATORS, fit_regression

RNG = np.random.default_rng(0)
POINTS = RNG.uniform(0, 1, (90, 3))
VALUES = np.sin(2 * POINTS[:, 0]) + POINTS[:, 1] * (POINTS[:, 2] - 0.5) + RNG.normal(0, 0.02, 90)
AT = RNG.uniform(0.1, 0.9, (7, 2))
PLACES = averaging_places([(0.0, 1.0)])[0]


@pytest.fixture(scope="module", params=ESTIMATORS)
def whole(request):
    return fit_regression(POINTS, VALUES, estimator=request.param)


def with_third(at, value):
    return np.column_stack([at, np.full(len(at), value)])


def test_a_cut_equals_the_whole_regression_at_that_value(whole):
    cut = Section(whole, (0, 1), {2: np.array([0.3])})
    for name in ("predict", "standard_error", "support", "smoother"):
        np.testing.assert_allclose(getattr(cut, name)(AT), getattr(whole, name)(with_third(AT, 0.3)))
    grid = Grid((np.array([0.2, 0.8]), np.array([0.4])))
    np.testing.assert_allclose(cut.predict(grid), cut.predict(grid.points()))
    assert cut.noise_sd == whole.noise_sd


def test_a_mean_is_the_mean_of_cuts(whole):
    mean = Section(whole, (0, 1), {2: PLACES})
    cuts = [Section(whole, (0, 1), {2: np.array([place])}) for place in PLACES]
    np.testing.assert_allclose(mean.predict(AT), np.mean([cut.predict(AT) for cut in cuts], axis=0))
    np.testing.assert_allclose(mean.smoother(AT), np.mean([cut.smoother(AT) for cut in cuts], axis=0))
    assert np.all(mean.standard_error(AT) <= np.mean([cut.standard_error(AT) for cut in cuts], axis=0) + 1e-9)


def test_the_error_of_a_mean_agrees_with_sampled_means(whole):
    """Samples at all nodes, averaged, must have the spread that the mean states."""
    mean = Section(whole, (0, 1), {2: PLACES})
    nodes = np.concatenate([with_third(AT, place) for place in PLACES])
    drawn = whole.samples(nodes, n=3000, rng=np.random.default_rng(1)).reshape(3000, len(PLACES), len(AT))
    spread = mean.samples(AT, n=3000, rng=np.random.default_rng(2)).std(axis=0)
    np.testing.assert_allclose(spread, drawn.mean(axis=1).std(axis=0), rtol=0.1)
    if hasattr(whole, "noise_error"):
        np.testing.assert_allclose(whole.noise_error(mean.nodes(AT)), spread, rtol=0.1)
    elif hasattr(whole, "kernels"):
        np.testing.assert_allclose(mean.standard_error(AT), spread, rtol=0.25)


def test_a_symmetric_effect_averages_out():
    """The mean of y (z - 1/2) over z is 0."""
    fit = fit_regression(POINTS, VALUES, estimator="gaussian_process")
    mean = Section(fit, (0, 1), {2: PLACES})
    np.testing.assert_allclose(mean.predict(AT), np.sin(2 * AT[:, 0]), atol=0.03)


def test_two_parameters_can_be_averaged_over():
    fit = fit_regression(POINTS, VALUES, estimator="local_linear")
    first, second = averaging_places([(0.0, 1.0), (0.0, 1.0)])
    curve = Section(fit, (0,), {1: first, 2: second})
    assert curve.predict(AT[:, :1]).shape == (7,)
    assert curve.nodes(AT[:, :1]).shape[1] == 16 and averaging_places([]) == []
