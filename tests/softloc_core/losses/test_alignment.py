"""The marginal alignment likelihood, compared with enumeration and with its two limits."""

import itertools
import math

import numpy as np
import pytest
import torch

from softloc_core.errors import ConfigError, DataError
from softloc_core.losses import (
    MarginalAlignmentLoss,
    alignment_log_prob,
    count_loss,
    cross_entropy_loss,
    label_frames,
)


def random_case(n_frames: int, n_labels: int, *, seed: int = 0):
    rng = np.random.default_rng(seed)
    return torch.as_tensor(rng.normal(-1, 2, n_frames)), torch.as_tensor(
        rng.normal(-2, 2, (n_labels, n_frames))
    )


def enumerated(logit: torch.Tensor, log_density: torch.Tensor) -> float:
    """Sum over all ordered sets of frames with one event each."""
    prob = torch.sigmoid(logit).numpy()
    total = 0.0
    for frames in itertools.combinations(range(len(prob)), len(log_density)):
        on = np.isin(np.arange(len(prob)), frames)
        match = math.exp(sum(float(log_density[m, t]) for m, t in enumerate(frames)))
        total += match * math.prod(np.where(on, prob, 1 - prob))
    return math.log(total)


@pytest.mark.parametrize(("n_frames", "n_labels"), [(1, 1), (7, 0), (7, 1), (8, 3), (9, 8), (6, 6)])
def test_matches_enumeration(n_frames, n_labels):
    logit, log_density = random_case(n_frames, max(n_labels, 1))
    value = alignment_log_prob(logit, log_density, torch.tensor(n_labels))
    assert float(value) == pytest.approx(enumerated(logit, log_density[:n_labels]), rel=1e-12)


def test_gradients_match_finite_differences():
    generator = torch.Generator().manual_seed(0)
    logit = torch.randn(2, 2, 6, dtype=torch.float64, generator=generator).requires_grad_()
    density = torch.randn(2, 2, 3, 6, dtype=torch.float64, generator=generator).requires_grad_()
    n_events, lengths = torch.tensor([[0, 3], [2, 1]]), torch.tensor([6, 4])
    assert torch.autograd.gradcheck(
        lambda x, d: alignment_log_prob(x, d, n_events, lengths=lengths), (logit, density)
    )


def test_learned_scale_has_its_gradient_and_finds_the_noise():
    rng = np.random.default_rng(0)
    true = np.arange(20, 2000, 40)
    label = torch.zeros(1, 1, 2000, dtype=torch.float64)
    label[0, 0, np.round(true + rng.normal(0, 4, len(true))).astype(int)] = 1
    logit = torch.full((1, 1, 2000), -9.0, dtype=torch.float64)
    logit[0, 0, true] = 9.0
    loss = MarginalAlignmentLoss(noise_frames=10.0, learn_scale=True).double()
    assert torch.autograd.gradcheck(
        lambda scale: torch.func.functional_call(loss, {"log_scale": scale}, (logit, label)), loss.log_scale
    )
    optimiser = torch.optim.Adam(loss.parameters(), lr=0.05)
    for _ in range(60):
        optimiser.zero_grad()
        loss(logit, label).backward()
        optimiser.step()
    assert float(loss.log_scale.detach().exp()) == pytest.approx(4.0, rel=0.25)


def random_batch(*shape):
    generator = torch.Generator().manual_seed(0)
    logit = torch.randn(*shape, dtype=torch.float64, generator=generator)
    return logit, (torch.rand(*shape, generator=generator) < 0.15).double()


def test_without_noise_it_is_cross_entropy():
    logit, label = random_batch(3, 2, 20)
    value = MarginalAlignmentLoss(noise_frames=0.0)(logit, label)
    assert float(value) == pytest.approx(float(cross_entropy_loss(logit, label, reduction="mean")), rel=1e-12)


def test_with_infinite_noise_it_is_the_count_loss():
    logit, label = random_batch(3, 2, 20)
    leaves = [logit.clone().requires_grad_() for _ in range(2)]
    value = MarginalAlignmentLoss(noise_frames=math.inf)(leaves[0], label)
    expected = count_loss(leaves[1], label)
    assert float(value.detach()) == pytest.approx(float(expected.detach()), rel=1e-12)
    value.backward()
    expected.backward()
    torch.testing.assert_close(leaves[0].grad, leaves[1].grad)


def test_a_custom_misalignment_model_replaces_the_gaussian():
    logit, label = random_batch(3, 2, 20)
    constant = MarginalAlignmentLoss(noise_frames=5.0, log_density=torch.zeros_like)(logit, label)
    assert float(constant) == pytest.approx(float(count_loss(logit, label)), rel=1e-12)


def test_label_frames_lists_each_event_in_order():
    label = torch.tensor([[0, 1, 0, 2, 0], [0, 0, 0, 0, 0], [1, 0, 0, 0, 1]])
    frames, n_events = label_frames(label, lengths=torch.tensor([5, 5, 3]))
    assert n_events.tolist() == [3, 0, 1]
    assert frames.tolist() == [[1, 3, 3], [5, 5, 5], [0, 5, 5]]


def test_extreme_logits_stay_finite():
    logit = torch.full((1, 1, 400), -100.0)
    logit[..., 50] = 100.0
    label = torch.zeros(1, 1, 400)
    label[..., [10, 390]] = 1
    leaf = logit.requires_grad_()
    value = MarginalAlignmentLoss(noise_frames=1.0)(leaf, label)
    value.backward()
    assert torch.isfinite(value)
    assert torch.isfinite(leaf.grad).all()


def test_labels_without_a_placement_raise():
    label = torch.zeros(1, 2, 5)
    label[0, 1, 2] = 6
    with pytest.raises(DataError, match=r"but got 6 labels without one in sequence \[0, 1\]"):
        MarginalAlignmentLoss(noise_frames=1.0)(torch.zeros(1, 2, 5), label)


def test_without_noise_several_labels_in_one_frame_count_as_one():
    logit, label = torch.randn(1, 2, 5, generator=torch.Generator().manual_seed(0)), torch.zeros(1, 2, 5)
    label[0, 1, 2] = 2
    value = MarginalAlignmentLoss(noise_frames=0.0)(logit, label)
    torch.testing.assert_close(value, cross_entropy_loss(logit, label, reduction="mean"))


def test_bad_settings_raise():
    with pytest.raises(ConfigError, match="`noise_frames` must be at least 0, but got -1"):
        MarginalAlignmentLoss(noise_frames=-1.0)
    with pytest.raises(
        ConfigError, match="`noise_frames` must be above 0 and finite to be learned, but got 0"
    ):
        MarginalAlignmentLoss(noise_frames=0.0, learn_scale=True)
    with pytest.raises(
        DataError, match=r"`log_density` must have shape \[2, 'event', 5\], but got \[3, 1, 5\]"
    ):
        alignment_log_prob(torch.zeros(2, 5), torch.zeros(3, 1, 5), torch.tensor([1, 1]))


def test_masked_frames_hold_neither_events_nor_labels():
    generator = torch.Generator().manual_seed(0)
    logit = torch.randn(9, dtype=torch.float64, generator=generator)
    label = torch.tensor([1.0, 0, 0, 0, 1, 0, 0, 1, 0], dtype=torch.float64)
    mask = torch.tensor([1, 1, 0, 1, 0, 1, 1, 1, 1], dtype=torch.bool)
    frames, n_events = label_frames(label, mask=mask)
    assert (frames.tolist(), int(n_events)) == ([0, 7], 2)
    loss = MarginalAlignmentLoss(noise_frames=2.0)
    log_density = loss._gaussian((frames[:, None] - torch.arange(9)).double())
    expected = -enumerated(logit[mask], log_density[:, mask])
    assert float(loss(logit, label, mask=mask)) == pytest.approx(expected, rel=1e-12)
