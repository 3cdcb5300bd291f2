"""The count distribution on accelerators, under compilation and autocast, and for unusual shapes."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st

from softloc_core.losses import SoftLocLoss, count_loss, make_loss, poisson_binomial_log_prob
from softloc_core.losses._kernels.poisson_binomial_torch import log_prob_and_gradient
from softloc_core.losses.schedules import Constant


def random_case(n_sequences: int, n_frames: int, *, spread: float, dtype=torch.float64):
    generator = torch.Generator().manual_seed(n_frames)
    logit = torch.randn(n_sequences, n_frames, dtype=dtype, generator=generator) * spread - 1
    lengths = torch.randint(1, n_frames + 1, (n_sequences,), generator=generator)
    count = (torch.rand(n_sequences, generator=generator) * (lengths + 1)).long().clamp(max=lengths)
    return logit, count, lengths


def compiled(logit, count, lengths):
    leaf = logit.clone().requires_grad_()
    value = poisson_binomial_log_prob(leaf, count, lengths=lengths)
    value.sum().backward()
    return value.detach(), leaf.grad


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
@pytest.mark.parametrize(("n_frames", "spread"), [(1, 1.0), (50, 3.0), (300, 2.0), (33, 50.0), (200, 0.01)])
def test_tree_of_products_matches_the_compiled_pass(device, n_frames, spread):
    if device == "cuda" and not torch.cuda.is_available():
        pytest.skip("needs a CUDA device")
    logit, count, lengths = random_case(24, n_frames, spread=spread)
    value, gradient = log_prob_and_gradient(
        logit.to(device), count.to(device), lengths.to(device), near_one=0.05
    )
    expected_value, expected_gradient = compiled(logit, count, lengths)
    torch.testing.assert_close(value.cpu(), expected_value, rtol=1e-11, atol=1e-45)
    torch.testing.assert_close(gradient.cpu(), expected_gradient, rtol=1e-9, atol=1e-13)


def test_tree_of_products_does_not_underflow():
    value, gradient = log_prob_and_gradient(
        torch.zeros(1, 10_000, dtype=torch.float64),
        torch.tensor([3]),
        torch.tensor([10_000]),
        near_one=0.05,
    )
    assert float(value) == pytest.approx(-6905.6328, abs=1e-4)
    assert gradient.numpy() == pytest.approx(3e-4 - 0.5, rel=1e-9)


def test_tree_of_products_handles_large_counts_in_blocks():
    logit, _, _ = random_case(2, 400, spread=1.0)
    count, lengths = torch.tensor([150, 270]), torch.tensor([400, 390])
    value, gradient = log_prob_and_gradient(logit, count, lengths, near_one=0.05)
    expected_value, expected_gradient = compiled(logit, count, lengths)
    torch.testing.assert_close(value, expected_value, rtol=1e-11, atol=0)
    torch.testing.assert_close(gradient, expected_gradient, rtol=1e-9, atol=1e-13)


@pytest.mark.gpu
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_loss_on_the_device_matches_the_cpu(dtype):
    if not torch.cuda.is_available():
        pytest.skip("needs a CUDA device")
    generator = torch.Generator().manual_seed(0)
    logit = torch.randn(8, 3, 150, dtype=dtype, generator=generator) - 3
    label = (torch.rand(8, 3, 150, generator=generator) < 0.03).to(dtype)
    loss = SoftLocLoss(softness_frames=10.0, alpha=0.5)
    results = []
    for device in ("cpu", "cuda"):
        leaf = logit.detach().to(device).requires_grad_()
        value = loss(leaf, label.to(device), lengths=torch.full((8,), 140, device=device))
        value.backward()
        results.append((value.detach().cpu(), leaf.grad.cpu()))
    tolerance = 1e-5 if dtype == torch.float32 else 1e-11
    torch.testing.assert_close(results[1], results[0], rtol=tolerance, atol=tolerance)


def test_autocast_affects_only_the_network():
    generator = torch.Generator().manual_seed(0)
    logit = torch.randn(4, 3, 80, generator=generator)
    label = (torch.rand(4, 3, 80, generator=generator) < 0.05).float()
    for name in ("softloc", "one_sided", "cross_entropy", "bootstrap_soft", "marginal_alignment"):
        loss = make_loss(
            name, softness_frames=5.0, alpha=Constant(0.5), measure="squared", n_steps=1, options={}
        )
        plain = loss(logit, label)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            inside = loss(logit, label)
        assert inside.dtype == torch.float32
        assert torch.equal(inside, plain)


def test_half_precision_logits_are_converted_once():
    logit = torch.randn(2, 3, 40, generator=torch.Generator().manual_seed(0)).bfloat16()
    label = torch.zeros(2, 3, 40)
    label[..., 7] = 1
    value = SoftLocLoss(softness_frames=5.0, alpha=0.5)(logit, label)
    assert torch.equal(value, SoftLocLoss(softness_frames=5.0, alpha=0.5)(logit.float(), label))


def test_compiles_without_a_graph_break():
    generator = torch.Generator().manual_seed(0)
    logit = torch.randn(2, 3, 40, generator=generator)
    label = (torch.rand(2, 3, 40, generator=generator) < 0.1).float()
    loss = SoftLocLoss(softness_frames=4.0, alpha=0.5)
    traced = torch.compile(lambda x, y: loss(2 * x, y), backend="aot_eager", fullgraph=True)
    results = []
    for function in (traced, lambda x, y: loss(2 * x, y)):
        leaf = logit.clone().requires_grad_()
        value = function(leaf, label)
        value.backward()
        results.append((value.detach(), leaf.grad))
    torch.testing.assert_close(results[0], results[1], rtol=1e-6, atol=1e-7)


def test_batches_of_many_shapes_agree_with_one_sequence_at_a_time():
    logit, count, lengths = random_case(19, 60, spread=4.0)
    value, gradient = compiled(logit, count, lengths)
    for i in range(len(logit)):
        n_frames = int(lengths[i])
        alone = compiled(logit[i : i + 1, :n_frames], count[i : i + 1], lengths[i : i + 1])
        assert torch.equal(value[i], alone[0][0])
        assert torch.equal(gradient[i, :n_frames], alone[1][0])


def test_empty_batches_and_empty_sequences():
    assert poisson_binomial_log_prob(torch.zeros(0, 5), torch.zeros(0, dtype=torch.int64)).shape == (0,)
    assert poisson_binomial_log_prob(torch.zeros(2, 0), torch.zeros(2, dtype=torch.int64)).tolist() == [0, 0]
    leaf = torch.zeros(0, 3, 5, requires_grad=True)
    count_loss(leaf, torch.zeros(0, 3, 5)).backward()
    assert leaf.grad.shape == (0, 3, 5)


def test_frames_without_a_possible_event_have_no_effect():
    logit = torch.randn(30, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    closed = logit.clone()
    closed[::3] = -torch.inf
    leaf = closed.requires_grad_()
    value = poisson_binomial_log_prob(leaf, torch.tensor(4))
    expected = poisson_binomial_log_prob(logit[[i for i in range(30) if i % 3]], torch.tensor(4))
    assert float(value.detach()) == pytest.approx(float(expected), rel=1e-12)
    value.backward()
    assert leaf.grad[::3].abs().max() == 0


def test_long_sequences_with_large_counts_need_little_memory():
    rng = np.random.default_rng(0)
    logit = torch.as_tensor(rng.normal(0, 1, (1, 4000)))
    leaf = logit.requires_grad_()
    value = poisson_binomial_log_prob(leaf, torch.tensor([1900]))
    value.backward()
    # The expected count under the posterior is exactly the count.
    posterior = leaf.grad + torch.sigmoid(leaf.detach())
    assert float(posterior.sum()) == pytest.approx(1900, rel=1e-9)


def on_both_backends(logit, count):
    tree = log_prob_and_gradient(logit, count, torch.full_like(count, logit.shape[-1]), near_one=0.05)
    return (compiled(logit, count, None), tree)


@given(
    logit=st.lists(st.sampled_from([-np.inf, np.inf, -3.0, 0.5, 40.0]), min_size=1, max_size=9),
    data=st.data(),
)
@settings(max_examples=150, deadline=None)
def test_infinite_logits_equal_the_sequence_without_those_frames(logit, data):
    logit = torch.tensor(logit, dtype=torch.float64)
    count = data.draw(st.integers(0, len(logit)))
    is_open = torch.isfinite(logit)
    rest = count - int((logit == torch.inf).sum())
    for value, gradient in on_both_backends(logit[None], torch.tensor([count])):
        assert not (gradient[0, ~is_open].abs() > 1e-14).any()
        if 0 <= rest <= int(is_open.sum()):
            expected, expected_gradient = compiled(logit[is_open][None], torch.tensor([rest]), None)
            torch.testing.assert_close(value, expected, rtol=1e-11, atol=1e-14)
            torch.testing.assert_close(gradient[:, is_open], expected_gradient, rtol=1e-9, atol=1e-13)
        else:
            assert float(value) == -np.inf
            assert not gradient.any()


def test_an_impossible_count_does_not_affect_others_that_need_tilting():
    logit = torch.full((3, 400), -200.0, dtype=torch.float64)
    logit[1] = -torch.inf
    count = torch.tensor([9, 1, 0])
    for value, gradient in on_both_backends(logit, count):
        expected, expected_gradient = compiled(logit[:1], count[:1], None)
        torch.testing.assert_close(value[:1], expected, rtol=1e-11, atol=0)
        torch.testing.assert_close(gradient[:1], expected_gradient, rtol=1e-9, atol=1e-13)
        assert float(value[1]) == -np.inf
        assert not gradient[1].any()
