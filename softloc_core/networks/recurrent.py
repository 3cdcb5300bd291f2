"""Recurrent networks without convolutions, as the drum transcribers of Wu et al.'s review."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor, nn

from softloc_core.networks.layers import event_output, with_difference

__all__ = ["REVIEWED_DRUM_NETWORKS", "RecurrentNetwork"]


class RecurrentNetwork(nn.Module):
    """Recurrent layers over normalised bands and their difference, linear output.

    A causal one may look ahead by answering late: with `shift_frames` the output of a frame is the one given
    so many frames later, as if its labels had been delayed while training.
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
        """Draw the weights.

        Args:
            n_bands: Feature bands a frame.
            n_channels: Event classes.
            initial_logit: Bias of the output layer.
            cell: `tanh`, `relu`, `lstm` or `gru`.
            hidden: Units of a layer and direction.
            layers: Number of layers.
            bidirectional: Whether it reads both ways.
            shift_frames: How late an answer is given.
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
        """Event logits [batch, channel, frame] of features [batch, frame, band]."""
        bands = self.normalise(with_difference(features).transpose(1, 2)).transpose(1, 2)
        if self.shift_frames:
            # The last frames hear silence for as long as the answer is late.
            bands = torch.cat([bands, bands[:, -1:].expand(-1, self.shift_frames, -1)], dim=1)
        sequence, _ = self.recurrent(bands)
        logit: Tensor = self.output(sequence[:, self.shift_frames :])
        return logit.transpose(1, 2)


REVIEWED_DRUM_NETWORKS = {
    "rnn": partial(RecurrentNetwork, cell="tanh", hidden=50, layers=2),
    "tanhb": partial(RecurrentNetwork, cell="tanh", hidden=50, layers=2, bidirectional=True),
    "reluts": partial(RecurrentNetwork, cell="relu", hidden=100, layers=1, shift_frames=3),
    "lstmpb": partial(RecurrentNetwork, cell="lstm", hidden=50, layers=2, bidirectional=True),
    "gruts": partial(RecurrentNetwork, cell="gru", hidden=50, layers=2, shift_frames=3),
}
"""The kinds of network that the papers' drum tables list, to be put beside LoCo and SoftLoc on any data.

`rnn` (the review's baseline), `tanhb` (Southall et al., ISMIR 2016), `reluts` (Vogl et al., ISMIR 2016:
labels late by about 30 ms), `lstmpb` (Southall et al., ISMIR 2017), `gruts` (Vogl et al., ICASSP 2017).

Source: Wu et al., "A review of automatic drum transcription", IEEE/ACM TASLP 2018, for what each is made of:
the kind of unit, the directions, the delay. Deliberate differences: one network for all classes; LSTM cells
without peepholes; this project's features and optimiser. The numbers of units and layers are typical ones,
not checked against the publications: no score of these presets is a reproduction of theirs.
"""
