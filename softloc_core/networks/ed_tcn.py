"""ED-TCN: the encoder-decoder of temporal convolutions for segmenting actions."""

from __future__ import annotations

import itertools

import torch
from torch import Tensor, nn
from torch.nn import functional

from softloc_core.networks.layers import event_output, exclusive_logit

__all__ = ["EdTcn"]

_FLOOR = 1e-5


class EdTcn(nn.Module):
    """Convolutions that halve the rate, convolutions that restore it, softmax over the classes.

    Source: Lea et al. 2017, "Temporal Convolutional Networks for Action Segmentation and Detection", with the
    settings of its released code: 64 and 96 filters of 25 frames, dropout of whole channels at 0.3, ReLU
    divided by its largest channel in each frame, maximum over pairs of frames, repetition, 96 and 64 filters,
    weights drawn uniformly after Glorot. The SoftLoc paper (section 5.3) trains it unchanged.

    Deliberate differences: classes are given as log odds under the softmax, whose sigmoids are its
    probabilities; a sequence that is no multiple of four frames is filled up with its last frame here, not by
    the caller with -1.
    """

    def __init__(
        self,
        *,
        n_bands: int,
        n_channels: int,
        initial_logit: float,
        filters: tuple[int, ...] = (64, 96),
        taps: int = 25,
        dropout: float = 0.3,
    ) -> None:
        """Draw the weights.

        Args:
            n_bands: Feature bands a frame.
            n_channels: Classes, at least 2.
            initial_logit: Bias of the output layer; the same for all classes, so that the softmax is blind to
                it.
            filters: Channels of the encoder's convolutions, at least one; the decoder has them in reverse.
            taps: Frames that a convolution sees, odd.
            dropout: Probability that a channel is left out in training, in [0, 1).
        """
        super().__init__()
        self.encoder = _convolutions((n_bands, *filters), taps=taps)
        self.decoder = _convolutions((filters[-1], *filters[::-1]), taps=taps)
        self.output = event_output(filters[0], n_channels, initial_logit=initial_logit)
        self.dropout = dropout

    def forward(self, features: Tensor) -> Tensor:
        """Log odds of the classes [batch, channel, frame] of features [batch, frame, band]."""
        n_frames = features.shape[1]
        missing = -n_frames % 2 ** len(self.encoder)
        sequence = torch.cat([features, features[:, -1:].expand(-1, missing, -1)], dim=1).transpose(1, 2)
        for convolution in self.encoder:
            sequence = functional.max_pool1d(self._activated(convolution(sequence)), 2)
        for convolution in self.decoder:
            sequence = self._activated(convolution(sequence.repeat_interleave(2, dim=2)))
        score: Tensor = self.output(sequence.transpose(1, 2))
        return exclusive_logit(score[:, :n_frames].transpose(1, 2))

    def _activated(self, sequence: Tensor) -> Tensor:
        """Dropout of whole channels, then the normalised ReLU."""
        positive = functional.relu(functional.dropout1d(sequence, self.dropout, training=self.training))
        return positive / (positive.amax(dim=1, keepdim=True) + _FLOOR)


def _convolutions(sizes: tuple[int, ...], *, taps: int) -> nn.ModuleList:
    """Convolutions from each size to the next, drawn as the released code draws them."""
    layers = nn.ModuleList(
        nn.Conv1d(n_in, n_out, taps, padding=taps // 2) for n_in, n_out in itertools.pairwise(sizes)
    )
    for name, weight in layers.named_parameters():
        (nn.init.zeros_ if name.endswith("bias") else nn.init.xavier_uniform_)(weight)
    return layers
