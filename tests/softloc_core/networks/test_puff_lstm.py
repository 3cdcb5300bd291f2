"""The puff network of the papers."""

import torch

from softloc_core.networks.puff_lstm import PuffLstm


def test_the_puff_network_is_causal_and_has_the_published_size():
    torch.manual_seed(0)
    network = PuffLstm(n_bands=37, n_channels=1, initial_logit=-4.0).eval()
    weights = sum(weight.numel() for weight in network.parameters())
    assert weights == (37 * 14 + 14) + 4 * 14 * (14 + 14 + 2) + (14 + 1)
    features = torch.randn(1, 30, 37)
    later = features.clone()
    later[:, 20:] += 1
    with torch.no_grad():
        before, after = network(features), network(later)
    assert before.shape == (1, 1, 30)
    assert torch.equal(before[..., :20], after[..., :20])
    assert not torch.equal(before[..., 20:], after[..., 20:])


def test_dropout_is_active_in_training_only():
    torch.manual_seed(0)
    network = PuffLstm(n_bands=37, n_channels=1, initial_logit=0.0)
    features = torch.randn(1, 30, 37)
    with torch.no_grad():
        assert not torch.equal(network(features), network(features))
        network.eval()
        assert torch.equal(network(features), network(features))
