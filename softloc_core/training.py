"""What training reads and how: data on the device, one gather a batch, no loader processes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from softloc_core.errors import ConfigError
from softloc_core.events import EventList
from softloc_core.tasks import Recording

__all__ = [
    "LEARNING_RATE_SCHEDULES",
    "HistoryPoint",
    "Optimisation",
    "TrainingError",
    "TrainingSet",
    "event_probabilities",
    "with_gains",
]


class TrainingError(RuntimeError):
    """Training that cannot go on, by its own mathematics: a loss that is no longer finite."""


@dataclass(frozen=True)
class HistoryPoint:
    """Training as seen after some iterations: means since the last point.

    Attributes:
        iteration: Optimiser steps done.
        loss: Mean training loss.
        terms: Mean of each named term of the loss (`soft_localization`, `count`, ...).
        alpha: Weight of the count loss at this iteration.
    """

    iteration: int
    loss: float
    terms: Mapping[str, float]
    alpha: float


def _constant(progress: float) -> float:
    return 1.0


def _trapezoid(progress: float) -> float:
    """Up along a line over the first twentieth, level until 3/5, then down to a fiftieth along a line."""
    if progress < 0.05:
        return 0.1 + 0.9 * progress / 0.05
    return 1.0 if progress < 0.6 else 1.0 - 0.98 * (progress - 0.6) / 0.4


LEARNING_RATE_SCHEDULES: Mapping[str, Callable[[float], float]] = {
    "constant": _constant,
    "trapezoid": _trapezoid,
}


@dataclass(frozen=True, kw_only=True)
class Optimisation:
    """How the weights are found; the fields are those of `TrialConfig` of the same names.

    Raises:
        ConfigError: An unknown `learning_rate_schedule`.
    """

    iterations: int
    batch_size: int
    learning_rate: float
    learning_rate_schedule: str
    weight_averaging: float
    weight_decay: float
    gradient_clip: float
    gain_db: float
    band_gain_db: float

    def __post_init__(self) -> None:
        if self.learning_rate_schedule not in LEARNING_RATE_SCHEDULES:
            allowed = ", ".join(LEARNING_RATE_SCHEDULES)
            raise ConfigError(
                f"`learning_rate_schedule` must be one of {allowed}, but got {self.learning_rate_schedule}"
            )


@dataclass(frozen=True, eq=False)
class TrainingSet:
    """Training recordings laid end to end on the device.

    Attributes:
        features: [total frames, band] float32.
        label: [channel, total frames] float32.
        start: [excerpt] first frame of every excerpt that lies within one recording.
        excerpt_frames: Frames of an excerpt.
        lengths: [excerpt] frames of it that count; None where all do. A recording shorter than an excerpt is
            an excerpt of its own, filled up with its last frame.
    """

    features: Tensor
    label: Tensor
    start: Tensor
    excerpt_frames: int
    lengths: Tensor | None = None

    @classmethod
    def from_recordings(
        cls,
        recordings: Sequence[Recording],
        labels: Sequence[EventList],
        *,
        n_channels: int,
        excerpt_s: float,
        device: torch.device,
    ) -> TrainingSet:
        """Lay recordings and their (noisy) labels end to end; no excerpt is longer than the longest."""
        longest = max(len(recording.features) for recording in recordings)
        excerpt_frames = max(1, round(min(excerpt_s / recordings[0].hop_s, longest)))
        start, lengths, offset = [], [], 0
        for recording in recordings:
            n_frames = len(recording.features)
            n_starts = max(1, n_frames - excerpt_frames + 1)
            start.append(np.arange(offset, offset + n_starts))
            lengths.append(np.full(n_starts, min(n_frames, excerpt_frames)))
            offset += max(n_frames, excerpt_frames)
        features = [_filled(r.features.T, excerpt_frames, mode="edge").T for r in recordings]
        frames = [
            _filled(recording.grid.label(label, n_channels=n_channels), excerpt_frames, mode="constant")
            for recording, label in zip(recordings, labels, strict=True)
        ]
        valid = np.concatenate(lengths)
        return cls(
            features=torch.from_numpy(np.concatenate(features)).to(device),
            label=torch.from_numpy(np.concatenate(frames, axis=1)).to(device),
            start=torch.from_numpy(np.concatenate(start)).to(device),
            excerpt_frames=excerpt_frames,
            lengths=None if (valid == excerpt_frames).all() else torch.from_numpy(valid).to(device),
        )

    def batch(self, size: int, *, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor | None]:
        """Random excerpts with replacement.

        Returns:
            Features [batch, frame, band], labels [batch, channel, frame], and the frames that count [batch],
            or None where all do.
        """
        device = self.start.device
        pick = torch.randint(len(self.start), (size,), generator=generator).to(device)
        frame = self.start[pick, None] + torch.arange(self.excerpt_frames, device=device)
        lengths = None if self.lengths is None else self.lengths[pick]
        return self.features[frame], self.label[:, frame].transpose(0, 1), lengths


def _filled(
    values: NDArray[np.float32], n_frames: int, *, mode: Literal["edge", "constant"]
) -> NDArray[np.float32]:
    """[*, frame] with as many frames as an excerpt: the last one again, or zeros."""
    missing = n_frames - values.shape[-1]
    return np.pad(values, ((0, 0), (0, missing)), mode=mode) if missing > 0 else values


def with_gains(features: Tensor, optimisation: Optimisation, *, generator: torch.Generator) -> Tensor:
    """Random gain of each excerpt and of each of its bands; features are in dB, so gains are added."""
    n_excerpts, _, n_bands = features.shape
    gain = torch.zeros(n_excerpts, 1, n_bands)
    if optimisation.gain_db:
        gain = gain + optimisation.gain_db * torch.randn(n_excerpts, 1, 1, generator=generator)
    if optimisation.band_gain_db:
        gain = gain + optimisation.band_gain_db * torch.randn(n_excerpts, 1, n_bands, generator=generator)
    return features + gain.to(features.device)


@torch.no_grad()
def event_probabilities(
    network: nn.Module, recordings: Sequence[Recording], *, device: torch.device
) -> dict[str, NDArray[np.float64]]:
    """Probability of an event in each frame of whole recordings, name -> [channel, frame]."""
    network.eval()
    probabilities = {}
    for recording in recordings:
        features = torch.from_numpy(np.array(recording.features)).to(device)
        logit = network(features[None])[0]
        probabilities[recording.name] = torch.sigmoid(logit.double()).cpu().numpy()
    return probabilities
