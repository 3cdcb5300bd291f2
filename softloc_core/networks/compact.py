"""A small network for CPUs: 1-D convolutions over time with the mel bands as channels, then an LSTM."""

from __future__ import annotations

from torch import Tensor, nn

from softloc_core.networks.layers import event_output, with_difference

__all__ = ["CompactNetwork"]

_WIDTH = 32
_TAPS = 5
_HIDDEN = 32


class CompactNetwork(nn.Module):
    """Two 5-tap convolutions of 32 channels with batch norm, bidirectional LSTM 2 x 32, linear output.

    Chosen by measurement on training recordings left out of training (`docs/tasks.md` has the figures). The
    LSTM reads both ways: a causal one needs several times the iterations until the count loss has gathered
    the mass of frequent events, and fires later. Dropout is left out: it keeps that mass apart.

    Bands are normalised by batch norm without weights of its own, so that no gradient has to reach the input.
    """

    def __init__(self, *, n_bands: int, n_channels: int, initial_logit: float) -> None:
        super().__init__()
        self.normalise = nn.BatchNorm1d(2 * n_bands, affine=False)
        self.convolutions = nn.Sequential(*_block(2 * n_bands, _WIDTH), *_block(_WIDTH, _WIDTH))
        self.lstm = nn.LSTM(_WIDTH, _HIDDEN, batch_first=True, bidirectional=True)
        self.output = event_output(2 * _HIDDEN, n_channels, initial_logit=initial_logit)

    def forward(self, features: Tensor) -> Tensor:
        """Event logits [batch, channel, frame] of features [batch, frame, band]."""
        bands = self.normalise(with_difference(features).transpose(1, 2))
        sequence, _ = self.lstm(self.convolutions(bands).transpose(1, 2))
        logit: Tensor = self.output(sequence)
        return logit.transpose(1, 2)


def _block(n_in: int, n_out: int) -> tuple[nn.Module, ...]:
    """Convolution over time, batch norm, ReLU."""
    return (
        nn.Conv1d(n_in, n_out, _TAPS, padding=_TAPS // 2, bias=False),
        nn.BatchNorm1d(n_out),
        nn.ReLU(),
    )
