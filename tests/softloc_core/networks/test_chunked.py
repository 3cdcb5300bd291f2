"""A network that reads a recording in chunks has the same output as on the whole recording."""

import torch
from hypothesis import given, settings, strategies as st
from torch import nn

from softloc_core.networks import ChunkedNetwork, CompactNetwork


class Centred(nn.Module):
    """A mean over five frames, which sees two frames on either side."""

    def forward(self, features):
        padded = nn.functional.pad(features.transpose(1, 2), (2, 2), mode="replicate")
        return nn.functional.avg_pool1d(padded, 5, stride=1)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 60), st.integers(2, 25), st.integers(2, 9))
def test_a_network_with_a_short_receptive_field_gives_the_same_output_in_chunks(n_frames, piece, margin):
    features = torch.randn(2, n_frames, 3, generator=torch.Generator().manual_seed(n_frames))
    network = ChunkedNetwork(Centred(), chunk_frames=piece, margin_frames=margin).eval()
    torch.testing.assert_close(network(features), Centred()(features))


def test_training_and_short_recordings_are_not_chunked():
    inner = CompactNetwork(n_bands=3, n_channels=2, initial_logit=-3.0)
    network = ChunkedNetwork(inner, chunk_frames=20, margin_frames=5)
    features = torch.randn(2, 50, 3)
    with torch.no_grad():
        torch.testing.assert_close(network.train()(features), inner(features))
        network.eval()
        torch.testing.assert_close(network(features[:, :20]), inner(features[:, :20]))


def test_the_output_of_an_lstm_hardly_changes_in_chunks():
    torch.manual_seed(0)
    inner = CompactNetwork(n_bands=3, n_channels=1, initial_logit=-3.0).eval()
    features = torch.randn(1, 400, 3)
    with torch.no_grad():
        whole = inner(features)
        error = [
            (ChunkedNetwork(inner, chunk_frames=100, margin_frames=margin).eval()(features) - whole).abs()
            for margin in (0, 20)
        ]
    # At the ends, the chunked network sees repeated frames and the plain network sees none.
    assert error[1][..., 20:-20].max() < 1e-3 < error[0][..., 20:-20].max()
