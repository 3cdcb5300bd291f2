"""The onset detector of Onsets and Frames, the papers' benchmark for the piano."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from softloc_core.networks.layers import event_output

__all__ = ["OnsetsNetwork"]

_FILTERS = (48, 48, 96)
_DENSE = 768
_UNITS = 128


class OnsetsNetwork(nn.Module):
    """Three 3 x 3 convolutions with batch norm, dense 768, bidirectional LSTM 2 x 128, linear output.

    The second and third convolutions are each followed by pooling over pairs of bands and dropout of 0.25,
    the dense layer by dropout of 0.5. The network is made for 229 mel bands at 31.25 frames/s.

    Source: Hawthorne et al., "Onsets and frames: dual-objective piano transcription", ISMIR 2018, section
    3.2, with the filters and dropouts of its released code. Only the onset stack is implemented, because the
    SoftLoc paper compares onsets only. Deliberate differences: Batch norm without trainable weights is also
    applied to the input, so that the unit of the features does not matter. The output bias is eq. 15 of the
    LoCo paper.
    """

    def __init__(self, *, n_bands: int, n_channels: int, initial_logit: float) -> None:
        super().__init__()
        first, second, third = _FILTERS
        self.normalise = nn.BatchNorm1d(n_bands, affine=False)
        self.convolutions = nn.Sequential(
            *_block(1, first),
            *_block(first, second),
            nn.MaxPool2d((1, 2)),
            nn.Dropout(0.25),
            *_block(second, third),
            nn.MaxPool2d((1, 2)),
            nn.Dropout(0.25),
        )
        self.dense = nn.Linear(third * (n_bands // 4), _DENSE)
        self.dropout = nn.Dropout(0.5)
        self.lstm = nn.LSTM(_DENSE, _UNITS, batch_first=True, bidirectional=True)
        self.output = event_output(2 * _UNITS, n_channels, initial_logit=initial_logit)

    def forward(self, features: Tensor) -> Tensor:
        """Return event logits [batch, channel, frame] of features [batch, frame, band]."""
        bands = self.normalise(features.transpose(1, 2)).transpose(1, 2)
        image = self.convolutions(bands.unsqueeze(1))
        hidden = functional.relu(self.dense(image.permute(0, 2, 1, 3).flatten(2)))
        sequence, _ = self.lstm(self.dropout(hidden))
        logit: Tensor = self.output(sequence)
        return logit.transpose(1, 2)


def _block(n_in: int, n_out: int) -> tuple[nn.Module, ...]:
    """Return a convolution, batch norm and ReLU."""
    return nn.Conv2d(n_in, n_out, 3, padding=1, bias=False), nn.BatchNorm2d(n_out), nn.ReLU()
