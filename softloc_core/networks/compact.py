"""A small network for CPUs: 1-D convolutions over time with the mel bands as channels, then an LSTM."""

from __future__ import annotations

import itertools

from torch import Tensor, nn

from softloc_core.networks.layers import event_output, with_difference

__all__ = ["CompactNetwork"]


class CompactNetwork(nn.Module):
    """Convolutions with batch norm, an LSTM, linear output; by default two of 5 taps and 32 channels, 2 x 32.

    Chosen for drums by measurement on training recordings left out of training (`docs/tasks/drums.md` has the
    figures). The LSTM reads both ways: a causal one needs several times the iterations until the count loss
    has gathered the mass of frequent events, and fires later. Dropout is left out: it keeps that mass apart.

    Bands are normalised by batch norm without weights of its own, so that no gradient has to reach the input.

    A task takes another size through `functools.partial`.
    """

    def __init__(
        self,
        *,
        n_bands: int,
        n_channels: int,
        initial_logit: float,
        width: int = 32,
        taps: int = 5,
        n_convolutions: int = 2,
        hidden: int = 32,
        bidirectional: bool = True,
    ) -> None:
        """Draw the weights.

        Args:
            n_bands: Feature bands a frame.
            n_channels: Event classes.
            initial_logit: Bias of the output layer.
            width: Channels of each convolution.
            taps: Frames that a convolution sees, odd.
            n_convolutions: Number of convolutions, at least 1.
            hidden: Units of the LSTM in each direction.
            bidirectional: Whether the LSTM reads both ways; else the convolutions alone look ahead, by
                `n_convolutions * (taps // 2)` frames.
        """
        super().__init__()
        sizes = (2 * n_bands, *[width] * n_convolutions)
        self.normalise = nn.BatchNorm1d(2 * n_bands, affine=False)
        self.convolutions = nn.Sequential(
            *(layer for n_in, n_out in itertools.pairwise(sizes) for layer in _block(n_in, n_out, taps=taps))
        )
        self.lstm = nn.LSTM(width, hidden, batch_first=True, bidirectional=bidirectional)
        n_read = 2 * hidden if bidirectional else hidden
        self.output = event_output(n_read, n_channels, initial_logit=initial_logit)

    def forward(self, features: Tensor) -> Tensor:
        """Event logits [batch, channel, frame] of features [batch, frame, band]."""
        bands = self.normalise(with_difference(features).transpose(1, 2))
        sequence, _ = self.lstm(self.convolutions(bands).transpose(1, 2))
        logit: Tensor = self.output(sequence)
        return logit.transpose(1, 2)


def _block(n_in: int, n_out: int, *, taps: int) -> tuple[nn.Module, ...]:
    """Convolution over time, batch norm, ReLU."""
    return (
        nn.Conv1d(n_in, n_out, taps, padding=taps // 2, bias=False),
        nn.BatchNorm1d(n_out),
        nn.ReLU(),
    )
