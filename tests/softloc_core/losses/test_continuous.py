"""The continuous soft localization loss: closed form, limit of the discrete loss, sub-frame shifts."""

import math

import numpy as np
import pytest
import torch
from scipy.integrate import quad

from softloc_core.errors import ConfigError, DataError
from softloc_core.losses import continuous_soft_localization_loss, soft_localization_loss


def loss_of_one_sequence(prob, times, **settings):
    times = torch.as_tensor(times, dtype=torch.float64)
    return continuous_soft_localization_loss(
        prob, times, torch.tensor(len(times)), **{"softness_frames": 3.0, "reduction": "sum", **settings}
    )


def bumps(n_frames: int, events: dict[int, float]) -> torch.Tensor:
    prob = torch.zeros(n_frames, dtype=torch.float64)
    for frame, mass in events.items():
        prob[frame] = mass
    return prob


def test_matches_numerical_integration():
    rng = np.random.default_rng(0)
    prob, times, softness = rng.uniform(0, 1, 12), np.array([2.3, 7.9]), 1.7

    def difference(u):
        def density(centre):
            return np.exp(-0.5 * ((u - centre) / softness) ** 2) / (softness * math.sqrt(2 * math.pi))

        return np.sum(prob * density(np.arange(12))) - np.sum(density(times))

    expected, _ = quad(lambda u: difference(u) ** 2, -15, 27, limit=200)
    value = loss_of_one_sequence(torch.as_tensor(prob), times, softness_frames=softness)
    assert float(value) == pytest.approx(expected, rel=1e-8)


def test_labels_on_frames_give_the_discrete_loss():
    prob = bumps(80, {30: 0.7, 31: 0.2, 50: 0.4})
    label = bumps(80, {28: 1, 52: 1})
    discrete = soft_localization_loss(prob, label, softness_frames=3.0, reduction="sum")
    assert float(loss_of_one_sequence(prob, [28.0, 52.0])) == pytest.approx(float(discrete), rel=1e-12)


def test_the_discrete_loss_converges_to_the_continuous_one():
    event_s, predicted_s, softness_s, duration_s = 0.50321, 0.48, 0.03, 1.0
    errors = []
    for hop_s in (0.01, 0.002, 0.0004):
        n_frames = round(duration_s / hop_s)
        prob = bumps(n_frames, {round(predicted_s / hop_s): 1.0})
        label = bumps(n_frames, {round(event_s / hop_s): 1.0})
        softness = softness_s / hop_s
        discrete = soft_localization_loss(prob, label, softness_frames=softness, reduction="sum")
        exact = loss_of_one_sequence(prob, [event_s / hop_s], softness_frames=softness)
        errors.append(abs(float(discrete / exact) - 1))
    assert errors[0] > errors[1] > errors[2]
    assert errors[2] < 2e-2


@pytest.mark.parametrize("shift", [0.001, 0.37, 2.5])
def test_is_exact_under_sub_frame_shifts(shift):
    prob = bumps(40, {11: 0.6, 25: 0.9})
    both = loss_of_one_sequence(
        prob, [12.2 + shift, 24.0 + shift], frame_time_frames=torch.arange(40).double() + shift
    )
    assert float(both) == pytest.approx(float(loss_of_one_sequence(prob, [12.2, 24.0])), rel=1e-12)
    # One event and one prediction: 2 (g(0) - g(shift)) with a Gaussian of sqrt(2) times the softness.
    alone = loss_of_one_sequence(bumps(40, {20: 1.0}), [20.0 + shift])
    peak = 1 / (3 * math.sqrt(4 * math.pi))
    assert float(alone) == pytest.approx(2 * peak * -math.expm1(-(shift**2) / 36), rel=1e-9)


def test_gradient_padding_and_a_perfect_match():
    prob = torch.rand(2, 3, 9, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    times = torch.tensor([[[1.5, 4.0]] * 3] * 2, dtype=torch.float64)
    n_events, lengths = torch.tensor([[2, 1, 0]] * 2), torch.tensor([9, 6])

    def loss(p):
        return continuous_soft_localization_loss(p, times, n_events, softness_frames=2.0, lengths=lengths)

    assert torch.autograd.gradcheck(loss, prob.requires_grad_())
    changed = prob.detach().clone()
    changed[1, :, 6:] = 0.9
    assert torch.equal(loss(changed), loss(prob))
    assert abs(float(loss_of_one_sequence(bumps(30, {10: 1.0, 20: 1.0}), [10.0, 20.0]))) < 1e-15


def test_the_loss_is_zero_at_infinite_softness():
    assert float(loss_of_one_sequence(bumps(10, {3: 1.0}), [7.0], softness_frames=math.inf)) == 0


def test_bad_input_raises():
    prob = bumps(10, {})
    with pytest.raises(ConfigError, match="`softness_frames` must be above 0 in continuous time, but got 0"):
        loss_of_one_sequence(prob, [1.0], softness_frames=0.0)
    with pytest.raises(DataError, match="`n_events` must be at most 1, the number of given times, but got 2"):
        continuous_soft_localization_loss(prob, torch.zeros(1), torch.tensor(2), softness_frames=1.0)
    with pytest.raises(
        DataError, match=r"must have the prediction's leading axes \[\], but got \[2\] and \[\]"
    ):
        continuous_soft_localization_loss(prob, torch.zeros(2, 1), torch.tensor(1), softness_frames=1.0)
