"""The networks for windows of pictures."""

import torch

from softloc_core.networks.window_lstm import CompactWindows, VggWindows


def test_the_vgg_network_has_the_published_sizes() -> None:
    network = VggWindows(n_bands=1024, n_channels=10, initial_logit=-4.0)
    sizes = [(m.in_channels, m.out_channels) for m in network.convolutions if isinstance(m, torch.nn.Conv2d)]
    assert sizes == [
        (1, 64), (64, 64), (64, 128), (128, 128), (128, 256), (256, 256), (256, 512), (512, 512), (512, 512),
        (512, 512),
    ]  # fmt: skip
    assert (network.lstm.input_size, network.lstm.hidden_size, network.lstm.bidirectional) == (512, 48, False)
    assert [layer.out_features for layer in network.head if isinstance(layer, torch.nn.Linear)] == [24, 10]
    assert network(torch.rand(1, 3, 1024)).shape == (1, 10, 3)


def test_the_compact_network_accepts_windows_at_half_the_resolution() -> None:
    network = CompactWindows(n_bands=256, n_channels=10, initial_logit=-4.0)
    features = torch.rand(2, 5, 256)
    assert network(features).shape == (2, 10, 5)
    assert network.representation(features).shape == (2, 5, 24 * 16)
