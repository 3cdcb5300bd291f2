"""Recurrent networks: shapes, directions and delayed outputs."""

import pytest
import torch

from softloc_core.networks.recurrent import REVIEWED_DRUM_NETWORKS
from softloc_core.tasks import TASKS

EVERY_ONE = pytest.mark.parametrize("name", REVIEWED_DRUM_NETWORKS)


def network(name):
    torch.manual_seed(0)
    return REVIEWED_DRUM_NETWORKS[name](n_bands=6, n_channels=3, initial_logit=-4.0)


@EVERY_ONE
def test_outputs_have_one_logit_per_channel_and_frame_and_all_weights_learn(name):
    built = network(name)
    logit = built(torch.randn(2, 20, 6))
    assert logit.shape == (2, 3, 20)
    logit.square().sum().backward()
    assert all(torch.isfinite(weight.grad).all() for weight in built.parameters())
    assert built.output.bias.mean().item() == pytest.approx(-4.0)


@EVERY_ONE
def test_a_single_frame_works(name):
    assert torch.isfinite(network(name).eval()(torch.zeros(1, 1, 6))).all()


@pytest.mark.parametrize(("name", "ahead"), [("rnn", 0), ("reluts", 3), ("gruts", 3)])
def test_causal_networks_look_ahead_as_far_as_their_output_is_delayed(name, ahead):
    built = network(name).eval()
    features = torch.randn(1, 40, 6)
    later = features.clone()
    later[:, 20:] += torch.randn(1, 20, 6)
    same = torch.isclose(built(features), built(later), atol=1e-6).all(dim=1)[0]
    assert same[: 20 - ahead].all() and not same[20 - ahead :].any()


@pytest.mark.parametrize("name", ["tanhb", "lstmpb"])
def test_bidirectional_networks_see_all_later_frames(name):
    built = network(name).eval()
    features = torch.randn(1, 10, 6)
    later = features.clone()
    later[:, -1] += 10
    assert not torch.isclose(built(features), built(later), atol=1e-7).all(dim=1)[0].any()


def test_drums_offer_these_networks_with_the_settings_of_the_compact_network():
    drums = TASKS.get("drums")
    assert set(REVIEWED_DRUM_NETWORKS) < set(drums.networks)
    for name in REVIEWED_DRUM_NETWORKS:
        assert drums.defaults(name) == {**drums.defaults("compact"), "network": name}
