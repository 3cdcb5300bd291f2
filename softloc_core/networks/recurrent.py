"""Recurrent networks without convolutions, like the drum transcription systems in Wu et al.'s review."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor, nn

from softloc_core.networks.layers import event_output, with_difference

__all__ = ["REVIEWED_DRUM_NETWORKS", "RecurrentNetwork"]


class RecurrentNetwork(nn.Module):
    """Recurrent layers over normalised bands and their difference over time, with a linear output.

    A causal network can look ahead if its output is delayed. With `shift_frames`, the output of a frame is
    computed that many frames later, as if the labels were delayed in training.
    """

    def __init__(
        self,
        *,
        n_bands: int,
        n_channels: int,
        initial_logit: float,
        cell: str,
        hidden: int,
        layers: int,
        bidirectional: bool = False,
        shift_frames: int = 0,
    ) -> None:
        """Create the layers and draw their weights.

        Args:
            n_bands: Number of feature bands per frame.
            n_channels: Number of event classes.
            initial_logit: Bias of the output layer.
            cell: `tanh`, `relu`, `lstm` or `gru`.
            hidden: Number of units per layer and direction.
            layers: Number of layers.
            bidirectional: Whether the layers are bidirectional.
            shift_frames: Delay of the output in frames, >= 0.
        """
        super().__init__()
        self.shift_frames = shift_frames
        self.normalise = nn.BatchNorm1d(2 * n_bands, affine=False)
        kind = {"lstm": nn.LSTM, "gru": nn.GRU}.get(cell, partial(nn.RNN, nonlinearity=cell))
        self.recurrent = kind(
            2 * n_bands, hidden, num_layers=layers, batch_first=True, bidirectional=bidirectional
        )
        self.output = event_output(hidden * (1 + bidirectional), n_channels, initial_logit=initial_logit)

    def forward(self, features: Tensor) -> Tensor:
        """Return event logits [batch, channel, frame] of features [batch, frame, band]."""
        bands = self.normalise(with_difference(features).transpose(1, 2)).transpose(1, 2)
        if self.shift_frames:
            # Repeat the last frame to obtain the delayed outputs of the last frames.
            bands = torch.cat([bands, bands[:, -1:].expand(-1, self.shift_frames, -1)], dim=1)
        sequence, _ = self.recurrent(bands)
        logit: Tensor = self.output(sequence[:, self.shift_frames :])
        return logit.transpose(1, 2)


REVIEWED_DRUM_NETWORKS = {
    "rnn": partial(RecurrentNetwork, cell="tanh", hidden=50, layers=2),
    "tanhb": partial(RecurrentNetwork, cell="tanh", hidden=50, layers=3, bidirectional=True),
    "reluts": partial(RecurrentNetwork, cell="relu", hidden=100, layers=1, shift_frames=3),
    "lstmpb": partial(RecurrentNetwork, cell="lstm", hidden=50, layers=2, bidirectional=True),
    "gruts": partial(RecurrentNetwork, cell="gru", hidden=50, layers=2, shift_frames=3),
}
"""The kinds of network in the papers' drum tables, for comparison with LoCo and SoftLoc on any data.

Source: Wu et al., "A review of automatic drum transcription", IEEE/ACM TASLP 2018, for the structure of each
network: the kind of unit, the directions, the delay. The sizes are known to this extent:

* `tanhb` (Southall et al., ISMIR 2016): confirmed. The released code (`CarlSouthall/ADTLib`, its first
  versions, functions `ADTBDRNN` and `BDRNNRestoreAll`) restores three layers of 50 tanh units in each
  direction, with one network of two softmax classes for each instrument.
* `lstmpb` (Southall et al., ISMIR 2017): not confirmed. The released code of that paper's later system, which
  adds soft attention (`CarlSouthall/ADTLib`, version 2), has two stacks of 20 and 20 LSTM units in each
  direction, with `LSTMP` cells whose peepholes are off. It does not contain the sizes of the plain network.
* `reluts` (Vogl et al., ISMIR 2016), `gruts` (Vogl et al., ICASSP 2017), `rnn` (the review's baseline): not
  confirmed. Neither the review's table of parameters nor the code of these networks was accessible; the sizes
  here are typical ones. The delay of about 30 ms is three frames at 100 frames/s.

Deliberate differences: one network for all classes, LSTM cells without peepholes, and this project's features
and optimiser. The scores of these presets are therefore not reproductions of the published scores.
"""
