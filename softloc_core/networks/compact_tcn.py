"""A small network for segments: dilated convolutions with residual connections."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from softloc_core.networks.layers import event_output, exclusive_logit

__all__ = ["CompactTcn"]


class CompactTcn(nn.Module):
    """Dilated residual convolutions of 3 taps, dropout of whole channels and a softmax; for CPUs.

    It was chosen by measurements on held-out training videos (`docs/tasks/segmentation.md`), because an LSTM
    memorises twenty videos. It is one stage of the networks of Farha and Gall 2019 (MS-TCN), with additional
    dropout of input bands.
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
        """Create the layers and draw their weights.

        Args:
            n_bands: Number of feature bands per frame.
            n_channels: Number of classes, at least 2.
            initial_logit: Bias of the output layer; it has no effect on the softmax.
            width: Number of channels of the convolutions.
            dilations: Distance in frames between the taps of each convolution; the network sees as many
                frames on either side as their sum.
            dropout: Probability of dropping a channel in training, in [0, 1); bands are dropped with half
                this probability.
        """
        super().__init__()
        self.normalise = nn.BatchNorm1d(n_bands, affine=False)
        self.enter = nn.Conv1d(n_bands, width, 1)
        self.look = nn.ModuleList(nn.Conv1d(width, width, 3, padding=d, dilation=d) for d in dilations)
        self.mix = nn.ModuleList(nn.Conv1d(width, width, 1) for _ in dilations)
        self.output = event_output(width, n_channels, initial_logit=initial_logit)
        self.dropout = dropout

    def forward(self, features: Tensor) -> Tensor:
        """Return log odds of the classes [batch, channel, frame] of features [batch, frame, band]."""
        bands = self.normalise(features.transpose(1, 2))
        sequence = self.enter(functional.dropout1d(bands, self.dropout / 2, training=self.training))
        for look, mix in zip(self.look, self.mix, strict=True):
            seen = mix(functional.relu(look(sequence)))
            sequence = sequence + functional.dropout1d(seen, self.dropout, training=self.training)
        score: Tensor = self.output(sequence.transpose(1, 2))
        return exclusive_logit(score.transpose(1, 2))
