"""A small network for the piano on CPUs, which reads every key's harmonics with the same weights."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from softloc_core.networks.layers import with_difference

__all__ = ["HarmonicNetwork"]

_BANDS_PER_SEMITONE = 2
_HARMONICS = (0.5, 1, 2, 3, 4, 5, 6, 8)
_LOCAL = 6
_WIDTH = 16
_CONTEXT = 24


class HarmonicNetwork(nn.Module):
    """Local convolutions, the harmonics of each key, a convolution over time, a shared recurrent context.

    All keys share their weights, so that what is learnt from one key helps the others. With 88 classes and
    few events of each, this makes a short training possible. Information that belongs to no single key
    (loudness, pedal, whether anything starts at all) enters through the context, a bidirectional LSTM over
    the mean and the maximum of the keys.

    Bands must be evenly spaced in octaves, two per semitone, with the lowest at the pitch of the first class,
    as in the front end `semitones_196`.
    """

    def __init__(self, *, n_bands: int, n_channels: int, initial_logit: float) -> None:
        super().__init__()
        self.n_keys = n_channels
        self.shifts = [round(12 * _BANDS_PER_SEMITONE * math.log2(ratio)) for ratio in _HARMONICS]
        self.normalise = nn.BatchNorm1d(2 * n_bands, affine=False)
        self.local = nn.Sequential(
            nn.Conv2d(2, _LOCAL, (3, 3), padding=1, bias=False), nn.BatchNorm2d(_LOCAL), nn.ReLU()
        )
        self.gather = nn.Sequential(
            nn.Conv2d(_LOCAL * len(_HARMONICS), _WIDTH, 1, bias=False), nn.BatchNorm2d(_WIDTH), nn.ReLU()
        )
        self.in_time = nn.Sequential(
            nn.Conv2d(_WIDTH, _WIDTH, (5, 1), padding=(2, 0), bias=False), nn.BatchNorm2d(_WIDTH)
        )
        self.context = nn.LSTM(2 * _WIDTH, _CONTEXT, batch_first=True, bidirectional=True)
        self.to_keys = nn.Linear(2 * _CONTEXT, _WIDTH)
        self.output = nn.Conv2d(_WIDTH, 1, (3, 1), padding=(1, 0))
        nn.init.constant_(self.output.bias, initial_logit)  # type: ignore[arg-type]
        self.key_bias = nn.Parameter(torch.zeros(n_channels))

    def forward(self, features: Tensor) -> Tensor:
        """Return event logits [batch, channel, frame] of features [batch, frame, band]."""
        n_bands = features.shape[2]
        bands = self.normalise(with_difference(features).transpose(1, 2))
        image = torch.stack([bands[:, :n_bands], bands[:, n_bands:]], dim=1).transpose(2, 3)
        keys = self.in_time(self.gather(self.gather_harmonics(self.local(image))))
        summary = torch.cat([keys.mean(dim=3), keys.amax(dim=3)], dim=1).transpose(1, 2)
        context = self.to_keys(self.context(summary)[0]).transpose(1, 2)
        logit: Tensor = self.output(functional.relu(keys + context.unsqueeze(3)))[:, 0]
        return logit.transpose(1, 2) + self.key_bias[:, None]

    def gather_harmonics(self, image: Tensor) -> Tensor:
        """Gather harmonics, [batch, channel, frame, band] -> [batch, harmonic x channel, frame, key]."""
        first, last = min(self.shifts), max(self.shifts)
        n_reached = _BANDS_PER_SEMITONE * (self.n_keys - 1) + 1
        padded = functional.pad(image, (-first, max(0, n_reached + last - image.shape[3])))
        starts = [shift - first for shift in self.shifts]
        step = _BANDS_PER_SEMITONE
        return torch.cat([padded[..., at : at + n_reached : step] for at in starts], dim=1)
