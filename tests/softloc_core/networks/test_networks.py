"""A suite that every network must pass, and the layers of each network."""

import itertools
import math

import pytest
import torch

from softloc_core.networks import (
    CompactNetwork,
    DrumConvLstm,
    HarmonicNetwork,
    OnsetsNetwork,
    PianoConvLstm,
    PianoConvLstmText,
)

BUILDERS = {
    "compact": (CompactNetwork, 48),
    "drum_conv_lstm": (DrumConvLstm, 72),
    "harmonic": (HarmonicNetwork, 196),
    "onsets": (OnsetsNetwork, 60),
    "piano_conv_lstm": (PianoConvLstm, 384),
    "piano_conv_lstm_text": (PianoConvLstmText, 384),
}
BANDS = dict(BUILDERS.values())


@pytest.fixture(params=sorted(BUILDERS))
def network(request):
    torch.manual_seed(0)
    build, n_bands = BUILDERS[request.param]
    return build(n_bands=n_bands, n_channels=3, initial_logit=-4.0)


def features_for(network, *, batch=2, frames=40):
    return (
        torch.randn(batch, frames, BANDS[type(network)], generator=torch.Generator().manual_seed(1)) * 10 - 40
    )


def test_outputs_have_one_logit_per_channel_and_frame_and_all_weights_learn(network):
    logit = network(features_for(network))
    assert logit.shape == (2, 3, 40)
    logit.square().sum().backward()
    for name, weight in network.named_parameters():
        assert weight.grad is not None and torch.isfinite(weight.grad).all(), name


def test_the_output_in_evaluation_does_not_depend_on_other_excerpts(network):
    network.eval()
    features = features_for(network)
    torch.testing.assert_close(network(features)[:1], network(features[:1]), rtol=1e-4, atol=1e-4)


def test_silence_and_very_short_excerpts_work(network):
    network.eval()
    assert torch.isfinite(network(torch.full((1, 1, features_for(network).shape[2]), -100.0))).all()


def test_paper_network_has_exactly_the_papers_layers():
    network = DrumConvLstm(n_bands=72, n_channels=3, initial_logit=-4.0)
    sizes = [1, 8, 16, 16, 16, 16, 16]
    convolutions = sum(12 * i * o + o for i, o in itertools.pairwise(sizes))
    lstm = 4 * 24 * (16 + 24) + 2 * 4 * 24  # torch has two bias vectors where one would suffice
    dense = 24 * 16 + 16 + 16 * 3 + 3
    assert sum(weight.numel() for weight in network.parameters()) == convolutions + lstm + dense


def test_paper_network_is_causal_except_for_its_convolutions():
    network = DrumConvLstm(n_bands=72, n_channels=3, initial_logit=-4.0).eval()
    features = torch.randn(1, 60, 72)
    change = 10 * torch.randn(1, 20, 72)
    later = features.clone()
    later[:, 40:] += change - change.mean(
        dim=1, keepdim=True
    )  # keeps the excerpt's mean, which the network removes
    same = torch.isclose(network(features), network(later), atol=1e-5).all(dim=1)[0]
    # Six kernels of three frames see six frames ahead.
    assert same[: 40 - 6].all()
    assert not same[34:].any()


def test_initial_logit_is_the_output_bias():
    network = CompactNetwork(n_bands=48, n_channels=3, initial_logit=-5.0)
    assert math.isclose(network.output.bias.mean().item(), -5.0)
