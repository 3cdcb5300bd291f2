"""The papers' drum network: six 2-D convolutions, frequency pooling, a causal LSTM, a dense layer."""

from __future__ import annotations

import itertools

import torch
from torch import Tensor, nn
from torch.nn import functional

from softloc_core.networks.layers import event_output, with_difference

__all__ = ["DrumConvLstm"]

_FILTERS = (8, 16, 16, 16, 16, 16)
_POOLING = (2, 2, 2, 2, 3, 3)


class DrumConvLstm(nn.Module):
    """Six 3 x 4 (time x frequency) convolutions with pooling over frequency only, LSTM 24, dense 16.

    Source: SoftLoc paper, section 5.1.2, with the layer sizes of its released code (filters 8, 16, 16, 16,
        16,
    16; pooling 2, 2, 2, 2, 3, 3; uni-directional LSTM with forget bias 1; sigmoid layers of 16 and 3 with
    weights from N(0, 1)). Made for 72 mel bands at 200 frames/s, whose per-excerpt mean it removes and to
    which it appends the difference over time.

    Deliberate differences: outputs are logits, one a frame (the released code reads probabilities back from
    the count distribution and so stores them one frame early); the output bias is eq. 15 of the LoCo paper.
    """

    def __init__(self, *, n_bands: int, n_channels: int, initial_logit: float) -> None:
        super().__init__()
        sizes = (1, *_FILTERS)
        self.convolutions = nn.ModuleList(
            nn.Conv2d(n_in, n_out, (3, 4)) for n_in, n_out in itertools.pairwise(sizes)
        )
        self.lstm = nn.LSTM(_FILTERS[-1] * _pooled(2 * n_bands), 24, batch_first=True)
        self.dense = nn.Linear(24, 16)
        self.output = event_output(16, n_channels, initial_logit=initial_logit)
        self._initialise()

    def forward(self, features: Tensor) -> Tensor:
        """Event logits [batch, channel, frame] of features [batch, frame, band]."""
        image = with_difference(features - features.mean(dim=1, keepdim=True)).unsqueeze(1)
        for convolution, pooling in zip(self.convolutions, _POOLING, strict=True):
            # SAME padding: an even kernel takes its odd cell after the frame, as TensorFlow does.
            image = functional.relu(convolution(functional.pad(image, (1, 2, 1, 1))))
            image = functional.max_pool2d(image, (1, pooling))
        sequence, _ = self.lstm(image.permute(0, 2, 1, 3).flatten(2))
        logit: Tensor = self.output(torch.sigmoid(self.dense(sequence)))
        return logit.transpose(1, 2)

    def _initialise(self) -> None:
        """Weights as the released code draws them."""
        for name, weight in self.convolutions.named_parameters():
            (nn.init.zeros_ if name.endswith("bias") else nn.init.xavier_uniform_)(weight)
        for layer in (self.dense, self.output):
            nn.init.normal_(layer.weight)
        nn.init.zeros_(self.dense.bias)
        biases = {name: bias for name, bias in self.lstm.named_parameters() if name.startswith("bias")}
        for bias in biases.values():
            nn.init.zeros_(bias)
        # Torch orders the gates input, forget, cell, output.
        nn.init.ones_(biases["bias_hh_l0"].data[24:48])


def _pooled(n_bands: int) -> int:
    """Bands that the six poolings leave."""
    for pooling in _POOLING:
        n_bands //= pooling
    return n_bands
