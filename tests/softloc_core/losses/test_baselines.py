"""Baselines compared with explicit formulas."""

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter1d
from scipy.special import expit

from softloc_core.errors import ConfigError
from softloc_core.losses import (
    REDUCTIONS,
    bootstrap_hard_loss,
    bootstrap_soft_loss,
    count_loss,
    cross_entropy_loss,
    extended_label,
    one_sided_smoothing_loss,
    soft_localization_loss,
)


def random_batch(*shape):
    generator = torch.Generator().manual_seed(0)
    logit = torch.randn(*shape, dtype=torch.float64, generator=generator)
    return logit, (torch.rand(*shape, generator=generator) < 0.1).double()


def entropy_against(target, prob):
    return -(target * np.log(prob) + (1 - target) * np.log(1 - prob))


def test_cross_entropy_weights_frames_with_an_event():
    logit, label = random_batch(4, 3, 30)
    loss = entropy_against(label.numpy(), expit(logit.numpy()))
    assert float(cross_entropy_loss(logit, label)) == pytest.approx(loss.mean())
    weighed = np.where(label.numpy() > 0, 35 / 8, 1.0) * loss
    assert float(cross_entropy_loss(logit, label, event_weight=35 / 8)) == pytest.approx(weighed.mean())
    per_class = torch.tensor([[1.0], [2.0], [5.0]], dtype=torch.float64)
    weighed = np.where(label.numpy() > 0, per_class.numpy(), 1.0) * loss
    assert float(cross_entropy_loss(logit, label, event_weight=per_class)) == pytest.approx(weighed.mean())


def test_cross_entropy_counts_several_events_in_a_frame_as_one():
    logit, label = random_batch(1, 1, 30)
    assert torch.equal(cross_entropy_loss(logit, 3 * label), cross_entropy_loss(logit, label))


def test_one_sided_smoothing_does_not_smooth_the_prediction():
    logit, label = random_batch(4, 3, 60)
    prob = torch.sigmoid(logit)
    target = gaussian_filter1d(label.numpy(), 5.0, axis=-1, mode="constant", truncate=10)
    expected = np.square(prob.numpy() - target).sum()
    value = one_sided_smoothing_loss(prob, label, softness_frames=5.0, reduction="sum")
    assert float(value) == pytest.approx(expected)


def test_bootstrapping_mixes_label_and_prediction():
    logit, label = random_batch(4, 3, 30)
    prob = expit(logit.numpy())
    soft = entropy_against(0.95 * label.numpy() + 0.05 * prob, prob).mean()
    hard = entropy_against(0.8 * label.numpy() + 0.2 * (prob > 0.5), prob).mean()
    assert float(bootstrap_soft_loss(logit, label)) == pytest.approx(soft)
    assert float(bootstrap_hard_loss(logit, label)) == pytest.approx(hard)
    for loss in (bootstrap_soft_loss, bootstrap_hard_loss):
        assert float(loss(logit, label, beta=1.0)) == pytest.approx(float(cross_entropy_loss(logit, label)))


def test_hard_bootstrapping_has_its_gradient_away_from_the_decision():
    logit, label = random_batch(2, 2, 9)
    logit = logit + 0.1 * torch.sign(logit)
    assert torch.autograd.gradcheck(lambda x: bootstrap_hard_loss(x, label), logit.requires_grad_())


def test_extended_labels_extend_each_event():
    label = torch.tensor([[0, 1, 0, 0, 0, 0, 1, 0], [2, 0, 1, 0, 0, 0, 0, 0]])
    assert extended_label(label, extension_frames=3).tolist() == [
        [0, 1, 1, 1, 0, 0, 1, 1],
        [1, 1, 1, 1, 1, 0, 0, 0],
    ]
    assert extended_label(label, extension_frames=1).tolist() == (label > 0).int().tolist()


def test_published_normalisations():
    logit, label = random_batch(4, 3, 60)
    prob = torch.sigmoid(logit)
    # Golf: kernel rescaled to peak 1 (21 taps there, all taps here), sum / batch / (5 sqrt(2 pi)).
    difference = gaussian_filter1d((prob - label).numpy(), 5.0, axis=-1, mode="constant", truncate=10)
    scale = 5 * np.sqrt(2 * np.pi)
    golf = np.square(difference * scale).sum() / 4 / scale
    value = soft_localization_loss(prob, label, softness_frames=5.0, reduction="golf")
    assert float(value) == pytest.approx(golf, rel=1e-6)
    losses = count_loss(logit, label, reduction="none")
    assert losses.shape == (4, 3)
    expected = {
        "balanced": losses.mean(),
        "mean": losses.mean(),
        "frame_mean": losses.mean(),
        "drums": losses.mean(),
        "sum": losses.sum(),
        "golf": losses.sum(),
        "puffs": losses.mean() / 50,
    }
    assert set(expected) | {"none"} == set(REDUCTIONS)
    for name, total in expected.items():
        assert float(count_loss(logit, label, reduction=name)) == pytest.approx(float(total))


def test_reductions_without_a_batch_axis():
    logit, label = random_batch(2, 60)
    for name in REDUCTIONS:
        value = soft_localization_loss(torch.sigmoid(logit[0]), label[0], softness_frames=3.0, reduction=name)
        assert value.shape == ()


def test_bad_settings_raise():
    logit, label = random_batch(1, 1, 5)
    with pytest.raises(ConfigError, match=r"`beta` must be between 0 and 1, but got 1\.5"):
        bootstrap_soft_loss(logit, label, beta=1.5)
    with pytest.raises(ConfigError, match="`extension_frames` must be at least 1, but got 0"):
        extended_label(label, extension_frames=0)
    with pytest.raises(ConfigError, match=r"`reduction` must be one of balanced, .*, but got median"):
        cross_entropy_loss(logit, label, reduction="median")
