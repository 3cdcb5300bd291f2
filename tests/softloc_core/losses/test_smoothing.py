"""Smoothing: a softness per sequence, boundaries and the cache."""

import math

import pytest
import torch
from hypothesis import given, settings, strategies as st

from softloc_core.errors import ConfigError
from softloc_core.losses import SoftLocLoss, smooth, soft_localization_loss


def random_values(*shape):
    return torch.rand(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


@given(softness=st.floats(0, 30), position=st.integers(0, 59))
@settings(max_examples=50, deadline=None)
def test_mass_is_preserved_except_at_the_ends(softness, position):
    impulse = torch.zeros(60, dtype=torch.float64)
    impulse[position] = 1
    kept = smooth(impulse, softness_frames=softness, boundary="renormalised")
    assert float(kept.sum()) == pytest.approx(1, rel=1e-9)
    lost = smooth(impulse, softness_frames=softness)
    assert float(lost.sum()) <= 1 + 1e-12
    if min(position, 59 - position) > 9 * softness:
        torch.testing.assert_close(lost, kept)


def test_renormalised_mass_stays_within_the_valid_frames():
    values = random_values(2, 3, 40)
    valid = (torch.arange(40) < 25).expand(2, 3, 40)
    values = values * valid
    kept = smooth(values, softness_frames=4.0, boundary="renormalised", valid=valid) * valid
    torch.testing.assert_close(kept.sum(-1), values.sum(-1))
    short = smooth(values[..., :25], softness_frames=4.0, boundary="renormalised")
    torch.testing.assert_close(kept[..., :25], short)


def test_softness_zero_is_the_identity_and_infinity_gives_zeros():
    values = random_values(2, 3, 40)
    assert torch.equal(smooth(values, softness_frames=0.0), values)
    assert not smooth(values, softness_frames=math.inf).any()
    torch.testing.assert_close(smooth(values, softness_frames=1e-3), values)


@pytest.mark.parametrize("boundary", ["zero", "renormalised"])
@pytest.mark.parametrize("shape", [(3,), (4, 1), (4, 3), ()])
def test_a_softness_per_sequence_equals_smoothing_each_sequence_alone(shape, boundary):
    values = random_values(4, 3, 40)
    softness = torch.tensor([0.0, 2.0, 5.5, math.inf])[
        torch.randint(0, 4, shape, generator=torch.Generator().manual_seed(1))
    ]
    smoothed = smooth(values, softness_frames=softness, boundary=boundary)
    each = softness.expand(4, 3)
    for i in range(4):
        for c in range(3):
            alone = smooth(values[i, c], softness_frames=float(each[i, c]), boundary=boundary)
            torch.testing.assert_close(smoothed[i, c], alone)


def test_losses_accept_a_softness_per_channel_and_annotator():
    prob, label = random_values(4, 3, 40), (random_values(4, 3, 40) < 0.1).double()
    softness = torch.tensor([1.0, 3.0, 9.0])
    value = soft_localization_loss(prob, label, softness_frames=softness, reduction="sum")
    alone = [
        soft_localization_loss(prob[:, c], label[:, c], softness_frames=float(s), reduction="sum")
        for c, s in enumerate(softness)
    ]
    assert float(value) == pytest.approx(float(sum(alone)))
    annotator = torch.tensor([0, 2, 1, 0])
    loss = SoftLocLoss(softness_frames=2.0, alpha=0.0, reduction="sum")
    logit = torch.logit(prob)
    value = loss(logit, label, softness_frames=softness[annotator].unsqueeze(-1))
    alone = [
        soft_localization_loss(prob[i], label[i], softness_frames=float(softness[a]), reduction="sum")
        for i, a in enumerate(annotator)
    ]
    assert float(value) == pytest.approx(float(sum(alone)))
    leaf = logit.clone().requires_grad_()
    assert torch.autograd.gradcheck(
        lambda x: loss(x[..., :6], label[..., :6], softness_frames=softness), leaf, fast_mode=True
    )


def test_weights_created_in_inference_mode_can_be_used_in_training():
    with torch.inference_mode():
        smooth(torch.zeros(37), softness_frames=2.25)
    values = torch.zeros(37, requires_grad=True)
    smooth(values, softness_frames=2.25).sum().backward()
    assert values.grad is not None


def test_bad_softness_raises():
    with pytest.raises(ConfigError, match="`softness_frames` must be at least 0, but got nan"):
        smooth(torch.zeros(3), softness_frames=math.nan)
    with pytest.raises(ConfigError, match="`softness_frames` must be at least 0, but got -2"):
        smooth(torch.zeros(2, 3), softness_frames=torch.tensor([1.0, -2.0]))
    with pytest.raises(ConfigError, match=r"must broadcast to the sequences \[4, 3\], but got shape \[4\]"):
        smooth(torch.zeros(4, 3, 5), softness_frames=torch.ones(4))
