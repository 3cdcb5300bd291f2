"""The piano networks: layers of the published ones, and what the small one reads."""

import itertools
import math

import pytest
import torch

from softloc_core.networks import (
    HarmonicNetwork,
    OnsetsNetwork,
    PianoConvLstm,
    PianoConvLstmText,
    PianoCountConvLstm,
)


@pytest.mark.parametrize(
    ("build", "filters", "units", "nodes"),
    [
        (PianoConvLstm, (32, 32, 64, 64, 64, 64, 64, 128, 128), 128, 96),
        (PianoConvLstmText, (32, 32, 64, 64, 128, 128), 128, 96),
        (PianoCountConvLstm, (16, 16, 32, 32, 64, 64, 64, 64, 64), 64, 32),
    ],
)
def test_the_papers_networks_have_exactly_the_papers_layers(build, filters, units, nodes):
    network = build(n_bands=384, n_channels=88, initial_logit=-4.0)
    convolutions = sum(12 * i * o + o for i, o in itertools.pairwise((1, *filters)))
    lstm = 4 * units * (filters[-1] + units) + 2 * 4 * units
    dense = units * nodes + nodes + nodes * 88 + 88
    assert sum(weight.numel() for weight in network.parameters()) == convolutions + lstm + dense


def test_onsets_network_has_exactly_the_published_layers():
    network = OnsetsNetwork(n_bands=229, n_channels=88, initial_logit=-4.0)
    convolutions = 9 * (48 + 48 * 48 + 48 * 96) + 2 * (48 + 48 + 96)
    dense = 96 * 57 * 768 + 768
    lstm = 2 * (4 * 128 * (768 + 128) + 2 * 4 * 128)
    assert sum(w.numel() for w in network.parameters()) == convolutions + dense + lstm + 256 * 88 + 88


def test_harmonic_network_treats_all_keys_alike():
    """A chord a semitone higher moves the output up by one key, except near the ends of the bands."""
    torch.manual_seed(0)
    network = HarmonicNetwork(n_bands=196, n_channels=88, initial_logit=-4.0).eval()
    chord = torch.zeros(1, 30, 196)
    chord[:, 10:, 80:90] = 20.0
    here, higher = network(chord), network(torch.roll(chord, 2, dims=2))
    assert (here.amax(dim=2) - here.amin(dim=2)).max() > 1e-3
    torch.testing.assert_close(higher[:, 1:], here[:, :-1], rtol=1e-4, atol=1e-4)


def test_harmonic_network_reads_the_bands_of_a_keys_harmonics():
    """Only bands within one band of a harmonic (or of the octave below) affect a key."""
    torch.manual_seed(0)
    network = HarmonicNetwork(n_bands=196, n_channels=88, initial_logit=-4.0).eval()
    image = torch.randn(1, 2, 1, 196, requires_grad=True)
    key = 40
    network.gather_harmonics(network.local[0](image))[..., key].square().sum().backward()
    reached = torch.nonzero(image.grad.abs().sum(dim=(0, 1, 2))).flatten().tolist()
    centres = [2 * key + round(24 * math.log2(ratio)) for ratio in (0.5, 1, 2, 3, 4, 5, 6, 8)]
    assert reached == sorted({band for c in centres for band in (c - 1, c, c + 1) if band < 196})
