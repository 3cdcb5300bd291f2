"""The papers' networks for audio: 2-D convolutions, frequency pooling, a causal LSTM, a dense layer."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from softloc_core.networks.layers import event_output, with_difference

__all__ = ["ConvLstm", "DrumConvLstm", "PianoConvLstm", "PianoConvLstmText", "PianoCountConvLstm"]


class ConvLstm(nn.Module):
    """3 x 4 (time x frequency) convolutions with pooling over frequency only, an LSTM, a sigmoid layer.

    The network subtracts the excerpt's mean from each band and appends the difference over time.

    Source: the SoftLoc paper's released code, drum and piano experiments: ReLU, unidirectional LSTM with
    forget bias 1, dense layers with weights from N(0, 1).

    Deliberate differences: The outputs are logits, one per frame; the released code reads probabilities back
    from the count distribution and thereby stores them one frame early. The output bias is eq. 15 of the LoCo
    paper.
    """

    def __init__(
        self,
        *,
        n_bands: int,
        n_channels: int,
        initial_logit: float,
        filters: Sequence[int],
        pooling: Sequence[int],
        lstm: int,
        dense: int,
    ) -> None:
        """Create the layers and draw their weights.

        Args:
            n_bands: Number of feature bands per frame.
            n_channels: Number of event classes.
            initial_logit: Bias of the output layer.
            filters: Number of channels of each convolution.
            pooling: Number of neighbouring bands that are pooled after each convolution.
            lstm: Number of units of the LSTM.
            dense: Number of units of the sigmoid layer.
        """
        super().__init__()
        self.pooling = tuple(pooling)
        self.convolutions = nn.ModuleList(
            nn.Conv2d(n_in, n_out, (3, 4)) for n_in, n_out in itertools.pairwise((1, *filters))
        )
        self.lstm = nn.LSTM(filters[-1] * self._pooled(2 * n_bands), lstm, batch_first=True)
        self.dense = nn.Linear(lstm, dense)
        self.output = event_output(dense, n_channels, initial_logit=initial_logit)
        self._initialise()

    def forward(self, features: Tensor) -> Tensor:
        """Return event logits [batch, channel, frame] of features [batch, frame, band]."""
        image = with_difference(features - features.mean(dim=1, keepdim=True)).unsqueeze(1)
        for convolution, pooling in zip(self.convolutions, self.pooling, strict=True):
            # SAME padding as in TensorFlow: for an even kernel, the extra column is at the end.
            image = functional.relu(convolution(functional.pad(image, (1, 2, 1, 1))))
            image = functional.max_pool2d(image, (1, pooling))
        sequence, _ = self.lstm(image.permute(0, 2, 1, 3).flatten(2))
        logit: Tensor = self.output(torch.sigmoid(self.dense(sequence)))
        return logit.transpose(1, 2)

    def _initialise(self) -> None:
        """Initialise the weights as the released code does."""
        for name, weight in self.convolutions.named_parameters():
            (nn.init.zeros_ if name.endswith("bias") else nn.init.xavier_uniform_)(weight)
        for layer in (self.dense, self.output):
            nn.init.normal_(layer.weight)
        nn.init.zeros_(self.dense.bias)
        biases = {name: bias for name, bias in self.lstm.named_parameters() if name.startswith("bias")}
        for bias in biases.values():
            nn.init.zeros_(bias)
        # Torch orders the gates input, forget, cell, output.
        units = self.lstm.hidden_size
        nn.init.ones_(biases["bias_hh_l0"].data[units : 2 * units])

    def _pooled(self, n_bands: int) -> int:
        """Return the number of bands after all poolings."""
        for pooling in self.pooling:
            n_bands //= pooling
        return n_bands


class _FixedSize(ConvLstm):
    """A `ConvLstm` whose sizes are class attributes."""

    filters: ClassVar[tuple[int, ...]]
    pooling_bands: ClassVar[tuple[int, ...]]
    lstm_units: ClassVar[int]
    dense_units: ClassVar[int]

    def __init__(self, *, n_bands: int, n_channels: int, initial_logit: float) -> None:
        super().__init__(
            n_bands=n_bands,
            n_channels=n_channels,
            initial_logit=initial_logit,
            filters=self.filters,
            pooling=self.pooling_bands,
            lstm=self.lstm_units,
            dense=self.dense_units,
        )


class DrumConvLstm(_FixedSize):
    """Six convolutions, LSTM 24, dense 16; for 72 mel bands at 200 frames/s.

    Source: SoftLoc paper, section 5.1.2, with the layer sizes of its released code (filters 8, 16, 16, 16,
    16, 16; pooling 2, 2, 2, 2, 3, 3). Deliberate differences: those of `ConvLstm`.
    """

    filters = (8, 16, 16, 16, 16, 16)
    pooling_bands = (2, 2, 2, 2, 3, 3)
    lstm_units, dense_units = 24, 16


class PianoConvLstm(_FixedSize):
    """Nine convolutions, LSTM 128, dense 96; for 384 mel bands at 200 frames/s.

    Source: the SoftLoc paper's released code, piano experiment (filters 32, 32, 64, 64, 64, 64, 64, 128, 128;
    pooling 3, then 2 eight times). Section 5.1.1 of the paper has six convolutions; see `PianoConvLstmText`.
    Deliberate differences: those of `ConvLstm`.
    """

    filters = (32, 32, 64, 64, 64, 64, 64, 128, 128)
    pooling_bands = (3, 2, 2, 2, 2, 2, 2, 2, 2)
    lstm_units, dense_units = 128, 96


class PianoConvLstmText(_FixedSize):
    """Six convolutions, LSTM 128, dense 96; for 384 mel bands at 200 frames/s.

    Source: SoftLoc paper, section 5.1.1, which states the six convolutions and the LSTM's 128 units, but
    neither filters nor pooling. The filters are those of the released code's nine convolutions without
    repetitions, and the pooling reduces 768 bands to one as well. Deliberate differences: those of
    `ConvLstm`.
    """

    filters = (32, 32, 64, 64, 128, 128)
    pooling_bands = (3, 4, 4, 4, 2, 2)
    lstm_units, dense_units = 128, 96


class PianoCountConvLstm(_FixedSize):
    """Nine convolutions, LSTM 64, dense 32; for 384 mel bands at 200 frames/s.

    Source: LoCo paper, section 7, with the layer sizes of its released code (filters 16, 16, 32, 32, then 64
    five times; pooling 3, then 2 eight times). Deliberate differences: those of `ConvLstm`, and one network
    for all keys instead of eight networks for about ten keys each.
    """

    filters = (16, 16, 32, 32, 64, 64, 64, 64, 64)
    pooling_bands = (3, 2, 2, 2, 2, 2, 2, 2, 2)
    lstm_units, dense_units = 64, 32
