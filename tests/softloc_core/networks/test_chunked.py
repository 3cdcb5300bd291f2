"""A recording scored in pieces is scored as a whole."""

import torch
from hypothesis import given, settings, strategies as st
from torch import nn

from softloc_core.networks import ChunkedNetwork, CompactNetwork


class Centred(nn.Module):
    """Mean over five frames: what lies two frames ahead and behind is seen, no more."""

    def forward(self, features):
        padded = nn.functional.pad(features.transpose(1, 2), (2, 2), mode="replicate")
        return nn.functional.avg_pool1d(padded, 5, stride=1)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 60), st.integers(2, 25), st.integers(2, 9))
def test_a_network_of_short_sight_gives_the_same_in_pieces(n_frames, piece, margin):
    features = torch.randn(2, n_frames, 3, generator=torch.Generator().manual_seed(n_frames))
    network = ChunkedNetwork(Centred(), chunk_frames=piece, margin_frames=margin).eval()
    torch.testing.assert_close(network(features), Centred()(features))


def test_training_and_short_recordings_are_left_alone():
    inner = CompactNetwork(n_bands=3, n_channels=2, initial_logit=-3.0)
    network = ChunkedNetwork(inner, chunk_frames=20, margin_frames=5)
    features = torch.randn(2, 50, 3)
    with torch.no_grad():
        torch.testing.assert_close(network.train()(features), inner(features))
        network.eval()
        torch.testing.assert_close(network(features[:, :20]), inner(features[:, :20]))


def test_an_lstm_differs_little_where_it_is_read_in_pieces():
    torch.manual_seed(0)
    inner = CompactNetwork(n_bands=3, n_channels=1, initial_logit=-3.0).eval()
    features = torch.randn(1, 400, 3)
    with torch.no_grad():
        whole = inner(features)
        error = [
            (ChunkedNetwork(inner, chunk_frames=100, margin_frames=margin).eval()(features) - whole).abs()
            for margin in (0, 20)
        ]
    # The ends are repeated frames to the one and nothing to the other.
    assert error[1][..., 20:-20].max() < 1e-3 < error[0][..., 20:-20].max()
