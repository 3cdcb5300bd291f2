"""A small network for CPUs: 1-D convolutions over time with the bands as channels, then an LSTM."""

from __future__ import annotations

import itertools

from torch import Tensor, nn

from softloc_core.networks.layers import event_output, with_difference

__all__ = ["CompactNetwork"]


class CompactNetwork(nn.Module):
    """Convolutions with batch norm, an LSTM and a linear output.

    By default there are two convolutions of 5 taps and 32 channels and a bidirectional LSTM of 2 x 32 units.
    This size was chosen for drums by measurements on held-out training recordings (`docs/tasks/drums.md`).
    The LSTM is bidirectional because a causal one needs several times as many iterations until the count loss
    has concentrated the mass of frequent events, and responds later. There is no dropout, because it prevents
    this concentration.

    Bands are normalised by batch norm without trainable weights, so that no gradient has to reach the input.

    Tasks choose other sizes with `functools.partial`.
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
        """Create the layers and draw their weights.

        Args:
            n_bands: Number of feature bands per frame.
            n_channels: Number of event classes.
            initial_logit: Bias of the output layer.
            width: Number of channels of each convolution.
            taps: Kernel size of each convolution in frames, odd.
            n_convolutions: Number of convolutions, at least 1.
            hidden: Number of units of the LSTM in each direction.
            bidirectional: Whether the LSTM is bidirectional; otherwise only the convolutions look ahead, by
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
        """Return event logits [batch, channel, frame] of features [batch, frame, band]."""
        bands = self.normalise(with_difference(features).transpose(1, 2))
        sequence, _ = self.lstm(self.convolutions(bands).transpose(1, 2))
        logit: Tensor = self.output(sequence)
        return logit.transpose(1, 2)


def _block(n_in: int, n_out: int, *, taps: int) -> tuple[nn.Module, ...]:
    """Return a convolution over time, batch norm and ReLU."""
    return (
        nn.Conv1d(n_in, n_out, taps, padding=taps // 2, bias=False),
        nn.BatchNorm1d(n_out),
        nn.ReLU(),
    )
