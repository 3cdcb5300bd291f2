"""A small network for CPUs: 1-D convolutions over time with the mel bands as channels, then an LSTM."""

from __future__ import annotations

from torch import Tensor, nn

from softloc_core.networks.layers import event_output, with_difference

__all__ = ["CompactNetwork"]


class CompactNetwork(nn.Module):
    """Two 5-tap convolutions of 32 channels with batch norm and dropout, LSTM 48, linear output.

    Args (keyword only):
        n_bands: Static feature bands a frame.
        n_channels: Event classes.
        initial_logit: Output bias.
    """

    def __init__(
        self,
        *,
        n_bands: int,
        n_channels: int,
        initial_logit: float,
        width: int = 32,
        hidden: int = 48,
        dropout: float = 0.2,
        taps: int = 5,
    ) -> None:
        super().__init__()
        self.normalise = nn.BatchNorm1d(2 * n_bands)
        self.convolutions = nn.Sequential(
            *_block(2 * n_bands, width, taps=taps, dropout=dropout),
            *_block(width, width, taps=taps, dropout=dropout),
        )
        self.lstm = nn.LSTM(width, hidden, batch_first=True)
        self.dropout = nn.Dropout(dropout)
        self.output = event_output(hidden, n_channels, initial_logit=initial_logit)

    def forward(self, features: Tensor) -> Tensor:
        """Event logits [batch, channel, frame] of features [batch, frame, band]."""
        bands = self.normalise(with_difference(features).transpose(1, 2))
        sequence, _ = self.lstm(self.convolutions(bands).transpose(1, 2))
        return self.output(self.dropout(sequence)).transpose(1, 2)


def _block(n_in: int, n_out: int, *, taps: int, dropout: float) -> tuple[nn.Module, ...]:
    """Convolution over time, batch norm, ReLU, dropout."""
    return (
        nn.Conv1d(n_in, n_out, taps, padding=taps // 2, bias=False),
        nn.BatchNorm1d(n_out),
        nn.ReLU(),
        nn.Dropout(dropout),
    )
