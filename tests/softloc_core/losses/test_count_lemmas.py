"""Properties of count distributions that the LoCo paper proves for any probabilities."""

import math

import numpy as np
import torch
from hypothesis import given, settings, strategies as st
from hypothesis.extra import numpy as hnp

from softloc_core.losses import count_pmf, poisson_binomial_log_prob

ROUNDING = 1e-12
probabilities = hnp.arrays(np.float64, st.integers(1, 25), elements=st.floats(0, 1))


def pmf(prob: np.ndarray) -> np.ndarray:
    """Return the whole distribution; its last bin is empty."""
    return count_pmf(torch.as_tensor(prob), max_count=len(prob) + 1).numpy()


@given(prob=probabilities)
@settings(max_examples=60, deadline=None)
def test_equation_8_the_maximum_decreases_with_every_frame(prob):
    maxima = [pmf(prob[: t + 1]).max() for t in range(len(prob))]
    assert np.all(np.diff(maxima) <= ROUNDING)


@given(prob=probabilities)
@settings(max_examples=60, deadline=None)
def test_equation_10_the_variance_grows_by_p_times_one_minus_p(prob):
    def variance(mass):
        count = np.arange(len(mass))
        return np.sum(mass * count**2) - np.sum(mass * count) ** 2

    before = variance(pmf(prob[:-1])) if len(prob) > 1 else 0.0
    assert math.isclose(variance(pmf(prob)) - before, prob[-1] * (1 - prob[-1]), abs_tol=1e-9)


@given(prob=probabilities)
@settings(max_examples=60, deadline=None)
def test_equation_11_one_uncertain_frame_bounds_the_maximum(prob):
    assert pmf(prob).max() <= 0.5 + np.abs(0.5 - prob).min() + ROUNDING


@given(prob=probabilities)
@settings(max_examples=60, deadline=None)
def test_equation_13_le_cam_bounds_the_maximum_by_the_smallest_probabilities(prob):
    ascending = np.sort(prob)
    maximum = pmf(prob).max()
    for n_smallest in range(1, len(prob) + 1):
        rate = ascending[:n_smallest].sum()
        mode = math.floor(rate)
        peak = math.exp(mode * math.log(rate) - rate - math.lgamma(mode + 1)) if rate > 0 else 1.0
        assert maximum <= peak + 2 * np.sum(ascending[:n_smallest] ** 2) + ROUNDING


@given(prob=probabilities, data=st.data())
@settings(max_examples=60, deadline=None)
def test_the_distribution_does_not_depend_on_the_order_of_frames(prob, data):
    order = data.draw(st.permutations(range(len(prob))))
    np.testing.assert_allclose(pmf(prob[order]), pmf(prob), atol=ROUNDING)


@given(
    logit=hnp.arrays(np.float64, st.integers(1, 25), elements=st.floats(-100, 100)),
    data=st.data(),
)
@settings(max_examples=60, deadline=None)
def test_the_log_probability_does_not_depend_on_the_order_of_frames(logit, data):
    order = data.draw(st.permutations(range(len(logit))))
    count = torch.tensor(data.draw(st.integers(0, len(logit))))
    value = poisson_binomial_log_prob(torch.as_tensor(logit), count)
    other = poisson_binomial_log_prob(torch.as_tensor(logit[order]), count)
    torch.testing.assert_close(other, value, rtol=1e-10, atol=1e-45)


@given(prob=probabilities, frame=st.integers(0, 24))
@settings(max_examples=60, deadline=None)
def test_property_1_counts_only_grow(prob, frame):
    stop = min(frame, len(prob) - 1)
    earlier, later = pmf(prob[: stop + 1]), pmf(prob)
    above = len(prob)
    below_earlier = np.cumsum(np.pad(earlier, (0, above)))[:above]
    below_later = np.cumsum(np.pad(later, (0, above)))[:above]
    assert np.all(below_later <= below_earlier + ROUNDING)
