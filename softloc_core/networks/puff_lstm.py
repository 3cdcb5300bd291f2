"""The papers' puff network: a dense layer, a causal LSTM and an output, with 14 units each."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from softloc_core.networks.layers import event_output

__all__ = ["PuffLstm"]

_UNITS = 14
_DROPOUT = 0.5


class PuffLstm(nn.Module):
    """Dense 14 with ReLU, dropout of 0.5, unidirectional LSTM 14, dense output.

    Source: SoftLoc paper, section 5.2, with the details and the initialisation of its released code (Glorot,
    forget bias 1). Deliberate differences: The network has one output for cross entropy as well; there, it
    has two outputs with a softmax, which is the same function. The output bias is eq. 15 of the LoCo paper.
    """

    def __init__(self, *, n_bands: int, n_channels: int, initial_logit: float) -> None:
        super().__init__()
        self.dense = nn.Linear(n_bands, _UNITS)
        self.lstm = nn.LSTM(_UNITS, _UNITS, batch_first=True)
        self.output = event_output(_UNITS, n_channels, initial_logit=initial_logit)
        for layer in (self.dense, self.output):
            nn.init.xavier_uniform_(layer.weight)
        nn.init.zeros_(self.dense.bias)
        for name, weight in self.lstm.named_parameters():
            (nn.init.zeros_ if name.startswith("bias") else nn.init.xavier_uniform_)(weight)
        # Torch orders the gates input, forget, cell, output.
        nn.init.ones_(dict(self.lstm.named_parameters())["bias_hh_l0"].data[_UNITS : 2 * _UNITS])

    def forward(self, features: Tensor) -> Tensor:
        """Return event logits [batch, channel, frame] of features [batch, frame, band]."""
        hidden = functional.dropout(torch.relu(self.dense(features)), _DROPOUT, training=self.training)
        sequence, _ = self.lstm(hidden)
        logit: Tensor = self.output(sequence)
        return logit.transpose(1, 2)
