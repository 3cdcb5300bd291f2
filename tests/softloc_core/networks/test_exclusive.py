"""Softmax networks with log odds as outputs, so that every loss can train them."""

import numpy as np
import pytest
import torch
from torch import nn

from softloc_core.losses import LOSSES, Constant, make_loss
from softloc_core.losses.baselines import cross_entropy_loss
from softloc_core.networks import CompactNetwork, CompactTcn, EdTcn, Exclusive
from softloc_core.networks.layers import exclusive_logit


def _scores(scale: float = 3.0) -> torch.Tensor:
    return scale * torch.randn(2, 5, 7, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def test_sigmoids_of_the_log_odds_equal_the_softmax() -> None:
    score = _scores()
    torch.testing.assert_close(torch.sigmoid(exclusive_logit(score)), torch.softmax(score, dim=1))


def test_log_odds_of_extreme_scores_stay_finite_and_exact() -> None:
    score = _scores(scale=500.0).requires_grad_()
    logit = exclusive_logit(score)
    assert torch.isfinite(logit).all() and logit.abs().max() > 100
    # The definition in log space: log p - log(1 - p), where 1 - p sums over the other classes.
    log_p = torch.log_softmax(score, dim=1)
    for channel in range(5):
        others = torch.cat([log_p[:, :channel], log_p[:, channel + 1 :]], dim=1)
        torch.testing.assert_close(logit[:, channel], log_p[:, channel] - torch.logsumexp(others, dim=1))
    logit.sum().backward()
    assert torch.isfinite(score.grad).all()


def test_exclusive_cross_entropy_equals_torch() -> None:
    score, label = _scores(), torch.zeros(2, 5, 7, dtype=torch.float64)
    target = torch.arange(14).reshape(2, 7) % 5
    label.scatter_(1, target[:, None], 1.0)
    ours = cross_entropy_loss(exclusive_logit(score), label, exclusive=True, reduction="sum")
    torch.testing.assert_close(ours, nn.functional.cross_entropy(score, target, reduction="sum"))
    lengths = torch.tensor([7, 4])
    masked = cross_entropy_loss(
        exclusive_logit(score), label, exclusive=True, lengths=lengths, reduction="sum"
    )
    target[1, 4:] = -100
    torch.testing.assert_close(masked, nn.functional.cross_entropy(score, target, reduction="sum"))


@pytest.mark.parametrize("name", ["cross_entropy", "one_sided", "soft_localization", "count", "softloc"])
def test_every_loss_trains_a_softmax_network_on_segments(name: str) -> None:
    options = {"exclusive": True} if "exclusive" in LOSSES[name].options else {}
    loss = make_loss(
        name, softness_frames=1.0, alpha=Constant(0.3), measure="squared", n_steps=80, options=options
    )
    score = nn.Parameter(0.1 * _scores().float())
    label = torch.zeros(2, 5, 7)
    label[0, 1, :3], label[0, 2, 3:], label[1, 4, :5], label[1, 0, 5:] = 1, 1, 1, 1
    optimiser = torch.optim.Adam([score], lr=0.2)
    values = []
    for step in range(80):
        value = loss(exclusive_logit(score), label, step=step)
        optimiser.zero_grad()
        value.backward()
        optimiser.step()
        values.append(float(value.detach()))
    prob = torch.softmax(score, dim=1).detach()
    torch.testing.assert_close(prob.sum(dim=2), label.sum(dim=2), atol=0.7, rtol=0)
    # The smoothed target of the one-sided loss keeps it above zero.
    assert values[-1] < (0.9 if name == "one_sided" else 0.3) * values[0]


def test_ed_tcn_has_the_layers_of_the_released_one() -> None:
    network = EdTcn(n_bands=18, n_channels=18, initial_logit=0.0)
    shapes = {name: tuple(weight.shape) for name, weight in network.named_parameters() if "weight" in name}
    assert shapes == {
        "encoder.0.weight": (64, 18, 25),
        "encoder.1.weight": (96, 64, 25),
        "decoder.0.weight": (96, 96, 25),
        "decoder.1.weight": (64, 96, 25),
        "output.weight": (18, 64),
    }


@pytest.mark.parametrize("n_frames", [1, 6, 8, 61])
def test_networks_give_probabilities_that_sum_to_one_for_any_length(n_frames: int) -> None:
    features = torch.randn(2, n_frames, 6)
    for network in (
        EdTcn(n_bands=6, n_channels=3, initial_logit=0.0),
        Exclusive(CompactNetwork(n_bands=6, n_channels=3, initial_logit=0.0)),
        CompactTcn(n_bands=6, n_channels=3, initial_logit=0.0),
    ):
        prob = torch.sigmoid(network.eval()(features))
        assert prob.shape == (2, 3, n_frames)
        np.testing.assert_allclose(prob.sum(dim=1).detach(), 1, atol=1e-5)


def test_the_normalised_relu_has_a_largest_channel_of_one() -> None:
    network = EdTcn(n_bands=4, n_channels=3, initial_logit=0.0).eval()
    activated = network.activation(torch.randn(2, 8, 12))
    np.testing.assert_allclose(activated.amax(dim=1), 1, atol=1e-3)
    assert (activated >= 0).all()
