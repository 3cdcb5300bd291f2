"""Networks that read a picture in windows along a curve: convolutions on each window, then an LSTM."""

from __future__ import annotations

import itertools
import math

from torch import Tensor, nn

from softloc_core.networks.layers import event_output

__all__ = ["CompactWindows", "VggWindows"]

_VGG_FILTERS = ((64, 64), (128, 128), (256, 256), (512, 512), (512, 512))


class _Windows(nn.Module):
    """Base class: convolutions on each window, an LSTM over the windows, event logits."""

    convolutions: nn.Module
    lstm: nn.LSTM
    head: nn.Module

    def representation(self, features: Tensor) -> Tensor:
        """Return the output of the last convolutional layer for each window, [batch, frame, unit]."""
        n_batch, n_frames, n_bands = features.shape
        side = math.isqrt(n_bands)
        image = features.reshape(n_batch * n_frames, 1, side, side)
        seen: Tensor = self.convolutions(image)
        return seen.reshape(n_batch, n_frames, -1)

    def forward(self, features: Tensor) -> Tensor:
        """Return event logits [batch, channel, frame] of windows [batch, frame, band]."""
        sequence, _ = self.lstm(self.representation(features))
        logit: Tensor = self.head(sequence)
        return logit.transpose(1, 2)


class VggWindows(_Windows):
    """The convolutions of VGG-13 on each window, LSTM 48, dense 24, one output per class.

    Source: LoCo paper, section 8.2; VGG-13 (configuration B): Simonyan and Zisserman 2014. Deliberate
    differences: The input is one grey channel. Batch norm follows each convolution, because without it
    thirteen layers do not learn from counts alone (the paper does not state their initialisation). The
    sigmoid of the dense layer is taken from the papers' other experiments.
    """

    def __init__(self, *, n_bands: int, n_channels: int, initial_logit: float) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        sizes = itertools.pairwise((1, *itertools.chain.from_iterable(_VGG_FILTERS)))
        for block in _VGG_FILTERS:
            for _ in block:
                n_in, n_out = next(sizes)
                layers += [nn.Conv2d(n_in, n_out, 3, padding=1, bias=False), nn.BatchNorm2d(n_out), nn.ReLU()]
            layers.append(nn.MaxPool2d(2))
        self.convolutions = nn.Sequential(*layers)
        n_units = _VGG_FILTERS[-1][-1] * (math.isqrt(n_bands) // 2 ** len(_VGG_FILTERS)) ** 2
        self.lstm = nn.LSTM(n_units, 48, batch_first=True)
        self.head = nn.Sequential(
            nn.Linear(48, 24), nn.Sigmoid(), event_output(24, n_channels, initial_logit=initial_logit)
        )


class CompactWindows(_Windows):
    """Two small convolutions of stride 2 on each window, bidirectional LSTM 2 x 48; for CPUs."""

    def __init__(self, *, n_bands: int, n_channels: int, initial_logit: float) -> None:
        super().__init__()
        self.convolutions = nn.Sequential(*_strided_block(1, 12, 5), *_strided_block(12, 24, 3))
        self.lstm = nn.LSTM(24 * (math.isqrt(n_bands) // 4) ** 2, 48, batch_first=True, bidirectional=True)
        self.head = event_output(96, n_channels, initial_logit=initial_logit)


def _strided_block(n_in: int, n_out: int, size: int) -> tuple[nn.Module, ...]:
    """Return a convolution of stride 2, batch norm and ReLU."""
    return (
        nn.Conv2d(n_in, n_out, size, stride=2, padding=size // 2, bias=False),
        nn.BatchNorm2d(n_out),
        nn.ReLU(),
    )
