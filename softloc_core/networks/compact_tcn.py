"""A small network for segments: dilated convolutions that are added to what comes in."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from softloc_core.networks.layers import event_output, exclusive_logit

__all__ = ["CompactTcn"]


class CompactTcn(nn.Module):
    """Residual convolutions of 3 taps at growing distance, dropout of whole channels, softmax; for CPUs.

    Chosen by measurement on training videos left out of training (`docs/tasks` has the figures): an LSTM
    learns twenty videos by heart. One stage of the networks of Farha and Gall 2019 (MS-TCN), with dropout of
    input bands on top.
    """

    def __init__(
        self,
        *,
        n_bands: int,
        n_channels: int,
        initial_logit: float,
        width: int = 48,
        dilations: tuple[int, ...] = (1, 2, 4, 8, 16),
        dropout: float = 0.3,
    ) -> None:
        """Draw the weights.

        Args:
            n_bands: Feature bands a frame.
            n_channels: Classes, at least 2.
            initial_logit: Bias of the output layer; the softmax is blind to it.
            width: Channels of the convolutions.
            dilations: Frames between the taps of each; the network sees their sum either way.
            dropout: Probability that a channel is left out in training, in [0, 1); half of it for bands.
        """
        super().__init__()
        self.normalise = nn.BatchNorm1d(n_bands, affine=False)
        self.enter = nn.Conv1d(n_bands, width, 1)
        self.look = nn.ModuleList(nn.Conv1d(width, width, 3, padding=d, dilation=d) for d in dilations)
        self.mix = nn.ModuleList(nn.Conv1d(width, width, 1) for _ in dilations)
        self.output = event_output(width, n_channels, initial_logit=initial_logit)
        self.dropout = dropout

    def forward(self, features: Tensor) -> Tensor:
        """Log odds of the classes [batch, channel, frame] of features [batch, frame, band]."""
        bands = self.normalise(features.transpose(1, 2))
        sequence = self.enter(functional.dropout1d(bands, self.dropout / 2, training=self.training))
        for look, mix in zip(self.look, self.mix, strict=True):
            seen = mix(functional.relu(look(sequence)))
            sequence = sequence + functional.dropout1d(seen, self.dropout, training=self.training)
        score: Tensor = self.output(sequence.transpose(1, 2))
        return exclusive_logit(score.transpose(1, 2))
