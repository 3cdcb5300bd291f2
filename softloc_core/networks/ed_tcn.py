"""ED-TCN, an encoder-decoder of temporal convolutions for action segmentation."""

from __future__ import annotations

import itertools

import torch
from torch import Tensor, nn
from torch.nn import functional

from softloc_core.networks.layers import event_output, exclusive_logit

__all__ = ["EdTcn"]

_FLOOR = 1e-5


class EdTcn(nn.Module):
    """An encoder that halves the frame rate twice, a decoder that restores it, a softmax over the classes.

    Source: Lea et al. 2017, "Temporal Convolutional Networks for Action Segmentation and Detection", with the
    settings of its released code: 64 and 96 filters of 25 frames, dropout of whole channels at 0.3, ReLU
    divided by the largest channel of each frame, max pooling over pairs of frames, upsampling by repetition,
    96 and 64 filters, Glorot's uniform initialisation. The SoftLoc paper (section 5.3) trains it unchanged.

    Deliberate differences: The outputs are log odds of the softmax, whose sigmoids are its probabilities. A
    sequence whose length is not a multiple of four frames is padded with its last frame in the network;
    there, the caller pads with -1.
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
        """Create the layers and draw their weights.

        Args:
            n_bands: Number of feature bands per frame.
            n_channels: Number of classes, at least 2.
            initial_logit: Bias of the output layer; it is the same for all classes and has no effect on the
                softmax.
            filters: Number of channels of each of the encoder's convolutions, at least one convolution; the
                decoder has them in reverse order.
            taps: Kernel size of each convolution in frames, odd.
            dropout: Probability of dropping a channel in training, in [0, 1).
        """
        super().__init__()
        self.encoder = _convolutions((n_bands, *filters), taps=taps)
        self.decoder = _convolutions((filters[-1], *filters[::-1]), taps=taps)
        self.output = event_output(filters[0], n_channels, initial_logit=initial_logit)
        self.dropout = dropout

    def forward(self, features: Tensor) -> Tensor:
        """Return log odds of the classes [batch, channel, frame] of features [batch, frame, band]."""
        n_frames = features.shape[1]
        missing = -n_frames % 2 ** len(self.encoder)
        sequence = torch.cat([features, features[:, -1:].expand(-1, missing, -1)], dim=1).transpose(1, 2)
        for convolution in self.encoder:
            sequence = functional.max_pool1d(self.activation(convolution(sequence)), 2)
        for convolution in self.decoder:
            sequence = self.activation(convolution(sequence.repeat_interleave(2, dim=2)))
        score: Tensor = self.output(sequence.transpose(1, 2))
        return exclusive_logit(score[:, :n_frames].transpose(1, 2))

    def activation(self, sequence: Tensor) -> Tensor:
        """Apply dropout of whole channels, then the normalised ReLU."""
        positive = functional.relu(functional.dropout1d(sequence, self.dropout, training=self.training))
        return positive / (positive.amax(dim=1, keepdim=True) + _FLOOR)


def _convolutions(sizes: tuple[int, ...], *, taps: int) -> nn.ModuleList:
    """Return convolutions from each size to the next, initialised as in the released code."""
    layers = nn.ModuleList(
        nn.Conv1d(n_in, n_out, taps, padding=taps // 2) for n_in, n_out in itertools.pairwise(sizes)
    )
    for name, weight in layers.named_parameters():
        (nn.init.zeros_ if name.endswith("bias") else nn.init.xavier_uniform_)(weight)
    return layers
