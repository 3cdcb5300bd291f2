"""The count distribution compared with closed forms, SciPy, enumeration and arbitrary precision."""

import itertools
import math

import mpmath
import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st
from hypothesis.extra import numpy as hnp
from scipy.special import expit
from scipy.stats import poisson_binom

from softloc_core.errors import DataError, UserError
from softloc_core.losses import count_loss, count_pmf, initial_bias, label_count, poisson_binomial_log_prob

# float32 inputs are computed in float64 and rounded once; float64 has the recursion's rounding errors.
TOLERANCE = {torch.float32: 1e-5, torch.float64: 1e-10}
DTYPES = [torch.float32, torch.float64]

logits = hnp.arrays(np.float64, st.integers(1, 40), elements=st.floats(-100, 100))


def exact_log_prob(logit: np.ndarray, count: int) -> float:
    """Run the recursion in 200-digit arithmetic, which easily represents 1 - exp(-100)."""
    with mpmath.workdps(200):
        mass = [mpmath.mpf(1)] + [mpmath.mpf(0)] * count
        for x in logit:
            p = 1 / (1 + mpmath.exp(-mpmath.mpf(float(x))))
            q = 1 / (1 + mpmath.exp(mpmath.mpf(float(x))))
            for k in range(count, 0, -1):
                mass[k] = q * mass[k] + p * mass[k - 1]
            mass[0] *= q
        return float(mpmath.log(mass[count]))


def exact_gradient(logit: np.ndarray, count: int) -> np.ndarray:
    """P(event | count) - p, by conditioning each frame, in arbitrary precision."""
    gradient = []
    for t in range(len(logit)):
        rest = np.delete(logit, t)
        with mpmath.workdps(60):
            p = 1 / (1 + mpmath.exp(-mpmath.mpf(float(logit[t]))))
            on = p * mpmath.exp(exact_log_prob(rest, count - 1)) if count else mpmath.mpf(0)
            off = (1 - p) * mpmath.exp(exact_log_prob(rest, count)) if count < len(logit) else mpmath.mpf(0)
            gradient.append(float(on / (on + off) - p))
    return np.array(gradient)


@pytest.mark.parametrize("dtype", DTYPES)
@given(logit=logits, data=st.data())
@settings(max_examples=60, deadline=None)
def test_any_logits_match_arbitrary_precision(dtype, logit, data):
    logit = torch.as_tensor(logit, dtype=dtype).numpy()
    count = data.draw(st.integers(0, len(logit)))
    expected = exact_log_prob(logit.astype(np.float64), count)
    value = poisson_binomial_log_prob(torch.as_tensor(logit), torch.tensor(count))
    assert float(value) == pytest.approx(expected, rel=TOLERANCE[dtype], abs=1e-45)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("logit", [-100.0, -7.0, 0.0, 3.0, 100.0])
@pytest.mark.parametrize(
    ("n_frames", "count"), [(370, 5), (10_000, 3), (20_000, 0), (20_000, 19_990), (500, 500)]
)
def test_equal_logits_match_the_binomial_closed_form(dtype, logit, n_frames, count):
    event = torch.full((n_frames,), logit, dtype=dtype, requires_grad=True)
    value = poisson_binomial_log_prob(event, torch.tensor(count))
    with mpmath.workdps(40):
        ways = (
            mpmath.loggamma(n_frames + 1) - mpmath.loggamma(count + 1) - mpmath.loggamma(n_frames - count + 1)
        )
        odds = mpmath.mpf(logit)
        silent = -mpmath.log1p(mpmath.exp(odds))
        expected = float(ways + count * (odds + silent) + (n_frames - count) * silent)
        posterior = float(mpmath.mpf(count) / n_frames - 1 / (1 + mpmath.exp(-odds)))
    assert float(value.detach()) == pytest.approx(expected, rel=TOLERANCE[dtype])
    value.backward()
    assert torch.isfinite(event.grad).all()
    assert event.grad.numpy() == pytest.approx(posterior, rel=1e-4, abs=1e-9)


def test_matches_scipy_on_random_sequences():
    rng = np.random.default_rng(0)
    logit = rng.normal(-3, 3, (20, 200))
    count = rng.integers(0, 30, 20)
    value = poisson_binomial_log_prob(torch.as_tensor(logit), torch.as_tensor(count))
    expected = [np.log(poisson_binom.pmf(k, expit(x))) for x, k in zip(logit, count, strict=True)]
    assert value.numpy() == pytest.approx(np.array(expected), rel=1e-8)  # scipy's own rounding limits this


def test_matches_enumeration():
    logit = np.random.default_rng(1).normal(0, 2, 9)
    prob = expit(logit)
    for count in range(10):
        total = 0.0
        for chosen in itertools.combinations(range(9), count):
            on = np.isin(np.arange(9), chosen)
            total += math.prod(np.where(on, prob, 1 - prob))
        value = poisson_binomial_log_prob(torch.as_tensor(logit), torch.tensor(count))
        assert float(value) == pytest.approx(math.log(total), rel=1e-12)


@given(logit=hnp.arrays(np.float64, st.integers(1, 8), elements=st.floats(-40, 40)), data=st.data())
@settings(max_examples=40, deadline=None)
def test_gradient_is_posterior_less_prior(logit, data):
    count = data.draw(st.integers(0, len(logit)))
    event = torch.as_tensor(logit).requires_grad_()
    poisson_binomial_log_prob(event, torch.tensor(count)).backward()
    assert event.grad.numpy() == pytest.approx(exact_gradient(logit, count), rel=1e-7, abs=1e-12)


def test_gradcheck_with_lengths_and_channels():
    event = torch.randn(
        3, 2, 7, dtype=torch.float64, generator=torch.Generator().manual_seed(0)
    ).requires_grad_()
    count = torch.tensor([[0, 7], [2, 3], [0, 0]])
    lengths = torch.tensor([7, 5, 0])
    assert torch.autograd.gradcheck(lambda x: poisson_binomial_log_prob(x, count, lengths=lengths), event)


def test_count_pmf_sums_to_one_and_its_last_bin_absorbs():
    prob = torch.rand(4, 3, 30, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    pmf = count_pmf(prob, max_count=6)
    assert pmf.shape == (4, 3, 7)
    assert torch.allclose(pmf.sum(-1), torch.ones(4, 3, dtype=torch.float64))
    full = np.array([[poisson_binom.pmf(np.arange(31), p) for p in row] for row in prob.numpy()])
    assert pmf[..., :6].numpy() == pytest.approx(full[..., :6], abs=1e-12)
    assert pmf[..., 6].numpy() == pytest.approx(full[..., 6:].sum(-1), abs=1e-12)


def test_padding_is_ignored_and_gets_no_gradient():
    event = torch.randn(2, 9, generator=torch.Generator().manual_seed(1))
    event[0, 5:] = float("nan")
    event.requires_grad_()
    value = poisson_binomial_log_prob(event, torch.tensor([2, 2]), lengths=torch.tensor([5, 9]))
    alone = poisson_binomial_log_prob(event[0, :5].detach(), torch.tensor(2))
    assert value[0].item() == alone.item()
    value.sum().backward()
    assert torch.equal(event.grad[0, 5:], torch.zeros(4))


def test_threads_do_not_change_a_bit():
    event = torch.randn(64, 400, generator=torch.Generator().manual_seed(2)) - 2
    count = torch.randint(0, 30, (64,), generator=torch.Generator().manual_seed(3))
    before = torch.get_num_threads()
    results = []
    try:
        for n_threads in (1, 2, 3):
            torch.set_num_threads(n_threads)
            logit = event.clone().requires_grad_()
            value = poisson_binomial_log_prob(logit, count)
            value.sum().backward()
            results.append((value.detach(), logit.grad))
    finally:
        torch.set_num_threads(before)
    for value, gradient in results[1:]:
        assert torch.equal(value, results[0][0])
        assert torch.equal(gradient, results[0][1])


@pytest.mark.parametrize(
    ("count", "lengths", "message"),
    [
        ([[1, 6]], None, r"between 0 and the 5 frames of its sequence, but got 6 in sequence \[0, 1\]"),
        ([[1, -1]], None, r"between 0 and the 5 frames of its sequence, but got -1 in sequence \[0, 1\]"),
        ([[1, 4]], [3], r"between 0 and the 3 frames of its sequence, but got 4 in sequence \[0, 1\]"),
        ([[1, 1]], [6], r"a length must be between 0 and 5 frames, but got 6 in sequence \[0\]"),
        ([[1, 1]], [3, 3], r"`lengths` must have shape \[1\] or \[1, 2\], but got \[2\]"),
        ([1, 1], None, r"`count` must have shape \[1, 2\], one per sequence, but got \[2\]"),
        ([[1.0, 1.0]], None, r"`count` must hold integers, but got torch.float32"),
    ],
)
def test_impossible_input_names_the_sequence(count, lengths, message):
    lengths = None if lengths is None else torch.tensor(lengths)
    with pytest.raises(DataError, match=message):
        poisson_binomial_log_prob(torch.zeros(1, 2, 5), torch.tensor(count), lengths=lengths)


def test_nan_raises_with_its_position_unless_switched_off():
    event = torch.zeros(2, 3, 5)
    event[1, 2, 3] = float("nan")
    count = torch.ones(2, 3, dtype=torch.int64)
    with pytest.raises(DataError, match=r"NaN in sequence \[1, 2\], frame 3"):
        poisson_binomial_log_prob(event, count)
    value = poisson_binomial_log_prob(event, count, check_finite=False)
    assert torch.isnan(value).nonzero().tolist() == [[1, 2]]


def test_a_second_derivative_raises():
    event = torch.zeros(5, requires_grad=True)
    (gradient,) = torch.autograd.grad(
        poisson_binomial_log_prob(event, torch.tensor(2)) ** 2, event, create_graph=True
    )
    with pytest.raises(NotImplementedError, match="must be differentiated only once"):
        gradient.sum().backward()


def test_half_precision_is_computed_in_single_precision():
    event = torch.zeros(5, dtype=torch.bfloat16, requires_grad=True)
    value = poisson_binomial_log_prob(event, torch.tensor(2))
    assert value.dtype == torch.float32
    value.backward()
    assert event.grad.dtype == torch.bfloat16


def test_count_loss_counts_the_label():
    event = torch.randn(2, 3, 20, generator=torch.Generator().manual_seed(4))
    label = torch.zeros(2, 3, 20)
    label[0, 0, [3, 9]] = 1
    label[1, 2, 4] = 3
    expected = -poisson_binomial_log_prob(event, torch.tensor([[2, 0, 0], [0, 0, 3]]))
    assert torch.equal(count_loss(event, label, reduction="none"), expected)
    assert count_loss(event, label).item() == pytest.approx(expected.mean().item())


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(40,), (3, 1), (2, 1, 40), (2, 3, 40)])
@pytest.mark.parametrize("lengths", [None, torch.tensor([40, 25])])
@pytest.mark.parametrize("rate", [0.1, 0.9])
def test_a_masked_count_loss_is_that_of_the_remaining_frames(dtype, shape, lengths, rate):
    generator = torch.Generator().manual_seed(6)
    event = torch.randn(2, 3, 40, dtype=dtype, generator=generator).requires_grad_()
    label = (torch.rand(2, 3, 40, generator=generator) < rate).to(dtype)
    mask = torch.rand(shape, generator=generator) < 0.7
    value = count_loss(event, label, mask=mask, lengths=lengths, reduction="none")
    (gradient,) = torch.autograd.grad(value.sum(), event)
    counted = mask.expand(2, 3, 40).clone()
    if lengths is not None:
        counted &= torch.arange(40) < lengths[:, None, None]
    assert torch.equal(label_count(label, lengths=lengths, mask=mask), (label * counted).sum(-1).long())
    for i, j in itertools.product(range(2), range(3)):
        kept = counted[i, j]
        leaf = event[i, j][kept].detach().requires_grad_()
        alone = count_loss(leaf, label[i, j][kept], reduction="sum")
        assert float(value[i, j].detach()) == pytest.approx(
            float(alone.detach()), rel=TOLERANCE[dtype], abs=1e-12
        )
        alone.backward()
        torch.testing.assert_close(gradient[i, j][kept], leaf.grad, rtol=1e-5, atol=1e-6)
        assert not gradient[i, j][~kept].any()


def test_more_labels_than_frames_that_count_raise():
    label = torch.tensor([[1.0, 0, 0], [0, 2.0, 0]])
    message = r"between 0 and the 1 frames of its sequence that count, but got 2 in sequence \[1\]"
    with pytest.raises(DataError, match=message):
        count_loss(torch.zeros(2, 3), label, mask=torch.tensor([False, True, False]))


def test_count_loss_of_a_smoothed_label_raises():
    with pytest.raises(DataError, match=r"a whole number of events, but got 0\.5"):
        count_loss(torch.zeros(1, 4), torch.tensor([[0.25, 0.25, 0, 0]]))


def test_initial_bias_gives_the_requested_empty_probability():
    for empty_prob, n_frames in [(0.8, 370), (0.64, 10_000), (0.1, 3)]:
        event = torch.full((n_frames,), initial_bias(empty_prob, n_frames), dtype=torch.float64)
        value = poisson_binomial_log_prob(event, torch.tensor(0))
        assert float(value.exp()) == pytest.approx(empty_prob, rel=1e-12)


def test_bad_scalars_raise():
    with pytest.raises(UserError, match="`empty_prob` must be between 0 and 1, both excluded, but got 1"):
        initial_bias(1.0, 10)
    with pytest.raises(UserError, match="`n_frames` must be above 0, but got 0"):
        initial_bias(0.5, 0)
    with pytest.raises(UserError, match="`max_count` must be at least 1, but got 0"):
        count_pmf(torch.zeros(3), max_count=0)


def test_logits_that_are_no_numbers_are_named_under_a_mask_as_well():
    label, mask = torch.tensor([[0.0, 2, 1, 0]]), torch.tensor([False, True, True, True])
    event = torch.tensor([[math.nan, 0.0, 0.0, math.nan]])
    with pytest.raises(DataError, match=r"NaN in sequence \[0\], frame 3"):
        count_loss(event, label, mask=mask)
    event[0, 3] = -math.inf
    assert float(count_loss(event, label, mask=mask)) == math.inf
