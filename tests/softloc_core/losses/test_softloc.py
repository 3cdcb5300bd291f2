"""The soft localization loss and the SoftLoc loss: limits, oracles, masks and terms."""

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter1d

from softloc_core.errors import ConfigError, DataError
from softloc_core.losses import (
    Constant,
    Ramp,
    SoftLocLoss,
    count_loss,
    cross_entropy_loss,
    smooth,
    soft_localization_loss,
)


def random_pair(*shape: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    logit = torch.randn(*shape, dtype=torch.float64, generator=generator)
    label = (torch.rand(*shape, generator=generator) < 0.1).double()
    return logit, label


@pytest.mark.parametrize("softness", [0.4, 1.0, 5.0, 20.0])
def test_smoothing_matches_scipy(softness):
    logit, _ = random_pair(2, 3, 80)
    expected = gaussian_filter1d(logit.numpy(), softness, axis=-1, mode="constant", truncate=10)
    assert smooth(logit, softness_frames=softness).numpy() == pytest.approx(expected, abs=1e-12)


def test_squared_loss_matches_numpy():
    logit, label = random_pair(4, 3, 60)
    prob = torch.sigmoid(logit)
    difference = gaussian_filter1d((prob - label).numpy(), 6.0, axis=-1, mode="constant", truncate=10)
    total = float(np.square(difference).sum())
    value = {
        name: float(soft_localization_loss(prob, label, softness_frames=6.0, reduction=name))
        for name in ("sum", "drums", "puffs", "mean", "frame_mean", "balanced")
    }
    assert value == pytest.approx(
        {
            "sum": total,
            "drums": total / 3,
            "puffs": total,
            "mean": total / 12,
            "frame_mean": total / 720,
            "balanced": total / 12 * 32,
        }
    )


def test_balanced_equals_the_drums_sum_at_a_batch_of_32_for_any_batch():
    logit, label = random_pair(32, 3, 20)
    prob = torch.sigmoid(logit)
    drums = soft_localization_loss(prob, label, softness_frames=3.0, reduction="drums")
    assert float(drums) == pytest.approx(float(soft_localization_loss(prob, label, softness_frames=3.0)))
    twice = soft_localization_loss(prob.repeat(2, 1, 1), label.repeat(2, 1, 1), softness_frames=3.0)
    assert float(twice) == pytest.approx(float(drums))


def test_log_measure_at_softness_zero_is_cross_entropy():
    logit, label = random_pair(2, 3, 40)
    soft = soft_localization_loss(
        torch.sigmoid(logit), label, softness_frames=0.0, measure="log", reduction="sum"
    )
    assert float(soft) == pytest.approx(float(cross_entropy_loss(logit, label, reduction="sum")), rel=1e-12)


def test_infinite_softness_leaves_the_gradient_of_the_count_loss():
    logit, label = random_pair(2, 3, 40)
    gradients = []
    for loss in (
        SoftLocLoss(softness_frames=float("inf"), alpha=0.3),
        lambda x, y: 0.3 * count_loss(x, y),
    ):
        leaf = logit.clone().requires_grad_()
        loss(leaf, label).backward()
        gradients.append(leaf.grad)
    assert torch.equal(gradients[0], gradients[1])


def test_padding_and_masked_frames_never_count():
    logit, label = random_pair(2, 3, 40)
    loss = SoftLocLoss(softness_frames=4.0, alpha=0.5)
    whole = loss(logit[:, :, :25], label[:, :, :25])
    padded = logit.clone()
    padded[:, :, 25:] = float("nan")
    leaf = padded.requires_grad_()
    value = loss(leaf, label, lengths=torch.tensor([25, 25]))
    assert float(value.detach()) == pytest.approx(float(whole))
    value.backward()
    assert torch.equal(leaf.grad[:, :, 25:], torch.zeros(2, 3, 15, dtype=torch.float64))
    prob = torch.sigmoid(logit)
    masked = soft_localization_loss(prob, label, softness_frames=4.0, mask=torch.arange(40) < 25)
    alone = soft_localization_loss(prob[..., :25], label[..., :25], softness_frames=4.0)
    assert float(masked) == pytest.approx(float(alone))


def test_softloc_trains_nothing_in_regions_without_annotation():
    logit, label = random_pair(2, 3, 40)
    mask = torch.ones(2, 1, 40, dtype=torch.bool)
    mask[0, :, 10:30] = mask[1, :, :20] = False
    label = label * mask
    loss = SoftLocLoss(softness_frames=4.0, alpha=1.0)
    leaf = logit.clone().requires_grad_()
    value = loss(leaf, label, mask=mask)
    value.backward()
    assert not leaf.grad[~mask.expand(2, 3, 40)].any()
    annotated = [logit[0][:, [*range(10), *range(30, 40)]], logit[1][:, 20:]]
    labelled = [label[0][:, [*range(10), *range(30, 40)]], label[1][:, 20:]]
    expected = loss(torch.stack(annotated), torch.stack(labelled))
    assert float(value.detach()) == pytest.approx(float(expected), rel=1e-12)


def test_each_call_sets_terms_and_alpha():
    logit, label = random_pair(2, 3, 40)
    schedule = Ramp(low=0.2, high=0.9, start=0.25, stop=0.75)
    loss = SoftLocLoss(softness_frames=4.0, alpha=schedule, n_steps=100)
    for step, alpha in [(0, 0.2), (50, 0.55), (75, 0.9), (1000, 0.9)]:
        value = loss(logit, label, step=step)
        assert loss.alpha == pytest.approx(alpha)
        joined = (1 - alpha) * loss.terms["soft_localization"] + alpha * loss.terms["count"]
        assert float(value) == pytest.approx(float(joined))
        assert not any(term.requires_grad for term in loss.terms.values())


def test_the_additive_form_has_the_full_soft_localization_loss():
    logit, label = random_pair(2, 3, 40)
    loss = SoftLocLoss(softness_frames=5.0, alpha=0.005, combination="additive", reduction="golf")
    value = loss(logit, label)
    assert float(value) == pytest.approx(
        float(loss.terms["soft_localization"]) + 0.005 * float(loss.terms["count"])
    )


def test_measures_match_their_names():
    logit, label = random_pair(2, 3, 40)
    prob = torch.sigmoid(logit)
    difference = (smooth(prob, softness_frames=3.0) - smooth(label, softness_frames=3.0)).abs()
    huber = torch.where(difference < 0.01, difference**2 / 2, 0.01 * (difference - 0.005))
    expected = {
        "squared": difference**2,
        "absolute": difference,
        "huber": huber,
        "log": -torch.log1p(-difference),
        (lambda a, b: (a - b) ** 4): difference**4,
    }
    for measure, loss in expected.items():
        value = soft_localization_loss(prob, label, softness_frames=3.0, measure=measure, reduction="sum")
        assert float(value) == pytest.approx(float(loss.sum()), rel=1e-9)


def test_shifting_both_sides_changes_nothing_away_from_the_ends():
    logit, label = random_pair(1, 1, 40)
    prob = torch.nn.functional.pad(torch.sigmoid(logit), (60, 60))
    label = torch.nn.functional.pad(label, (60, 60))
    values = [
        float(soft_localization_loss(prob.roll(s, -1), label.roll(s, -1), softness_frames=4.0))
        for s in (0, 1, 9)
    ]
    assert values == pytest.approx([values[0]] * 3, rel=1e-12)


def test_bad_settings_raise():
    logit, label = random_pair(1, 1, 5)
    prob = torch.sigmoid(logit)
    with pytest.raises(ConfigError, match="`softness_frames` must be at least 0, but got -1"):
        soft_localization_loss(prob, label, softness_frames=-1.0)
    with pytest.raises(
        ConfigError, match="`measure` must be one of squared, absolute, huber, log, but got cubic"
    ):
        soft_localization_loss(prob, label, softness_frames=1.0, measure="cubic")
    with pytest.raises(ConfigError, match="`boundary` must be one of zero, renormalised, but got wrap"):
        soft_localization_loss(prob, label, softness_frames=1.0, boundary="wrap")
    with pytest.raises(ConfigError, match=r"`reduction` must be one of balanced, .*, but got median"):
        soft_localization_loss(prob, label, softness_frames=1.0, reduction="median")
    with pytest.raises(
        ConfigError, match="`n_steps` must be given if alpha follows a schedule, but got None"
    ):
        SoftLocLoss(softness_frames=1.0, alpha=Ramp(low=0.2, high=0.9, start=0.2, stop=0.9))
    with pytest.raises(ConfigError, match="`combination` must be one of convex, additive, but got product"):
        SoftLocLoss(softness_frames=1.0, alpha=0.5, combination="product")
    with pytest.raises(ConfigError, match="`n_steps` must be at least 1, but got 0"):
        SoftLocLoss(softness_frames=1.0, alpha=Constant(0.5), n_steps=0)
    with pytest.raises(
        DataError, match=r"`label` must have the prediction's shape \[1, 1, 5\], but got \[1, 5\]"
    ):
        soft_localization_loss(prob, label[0], softness_frames=1.0)
    with pytest.raises(DataError, match=r"`mask` must broadcast to shape \[1, 1, 5\], but got \[4\]"):
        soft_localization_loss(prob, label, softness_frames=1.0, mask=torch.ones(4, dtype=torch.bool))
