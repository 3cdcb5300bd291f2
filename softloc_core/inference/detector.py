"""The detector: it runs a trained network on recordings and returns their event probabilities."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from softloc_core.decoding import AnyDecoder, FrameClass, LocalMass, OneEach
from softloc_core.errors import ConfigError
from softloc_core.events import whole_frames
from softloc_core.inference.ensemble import Ensemble
from softloc_core.inference.predictions import stored_prob
from softloc_core.inference.voting import reassembled
from softloc_core.tasks import Recording

__all__ = ["Detector"]

_EXCERPTS_AT_ONCE = 32


@dataclass(frozen=True, kw_only=True)
class Detector:
    """Network, ensemble and excerpts of a trial: from features to event probabilities.

    Attributes:
        decoder: Decoder of each version of a recording if versions vote. It also says whether the versions of
            an event share its mass or its height.
        ensemble: Versions of a recording, and how they are combined.
        excerpt_s: Length of a training excerpt in seconds.
        hop_s: Seconds between frames.

    Raises:
        ConfigError: The decoder yields no single events to vote on, the bandwidth is below one frame, or the
            overlap is as long as an excerpt.
    """

    decoder: AnyDecoder
    ensemble: Ensemble
    excerpt_s: float
    hop_s: float

    def __post_init__(self) -> None:
        if self.ensemble.votes:
            if isinstance(self.decoder, FrameClass | OneEach):
                raise ConfigError(
                    "`ensemble_options: combine` must be mean if the decoder assigns a class to every frame "
                    f"or one event to every class, but got {self.ensemble.combine}"
                )
            self.ensemble.vote(hop_s=self.hop_s)
        if self.ensemble.excerpts:
            self.ensemble.advance_frames(self.excerpt_frames, hop_s=self.hop_s)

    @property
    def excerpt_frames(self) -> int:
        """Number of frames of an excerpt."""
        return max(1, whole_frames(self.excerpt_s, hop_s=self.hop_s))

    def event_prob(
        self, network: nn.Module, recording: Recording, *, device: torch.device
    ) -> NDArray[np.float64]:
        """Return the probability of an event in each frame of a recording, [channel, frame].

        If versions vote, it is 1 in the frames that they agree on and 0 elsewhere. Where excerpts overlap,
        it is the share of the excerpts that found an event in the frame.
        """
        features = torch.from_numpy(np.array(recording.features)).to(device)
        n_frames = len(features)
        if not self.ensemble.excerpts or n_frames <= self.excerpt_frames:
            return self._of_stretches(network, features[None])[0]
        advance = self.ensemble.advance_frames(self.excerpt_frames, hop_s=self.hop_s)
        n_excerpts = 1 + math.ceil((n_frames - self.excerpt_frames) / advance)
        missing = (n_excerpts - 1) * advance + self.excerpt_frames - n_frames
        padded = functional.pad(features.T, (0, missing), mode="replicate")
        stretches = padded.unfold(1, self.excerpt_frames, advance).permute(1, 2, 0)
        parts = [self._of_stretches(network, part) for part in torch.split(stretches, _EXCERPTS_AT_ONCE)]
        whole = reassembled(
            [prob for part in parts for prob in part],
            advance_frames=advance,
            dropped_frames=whole_frames(self.ensemble.dropped_s, hop_s=self.hop_s),
        )
        return whole[:, :n_frames]

    def _of_stretches(self, network: nn.Module, features: Tensor) -> list[NDArray[np.float64]]:
        """Return the combined probabilities, [channel, frame], of each stretch in [stretch, frame, band]."""
        speeds = self.ensemble.speeds
        versions = [_probabilities(network, _played(features, speed)) for speed in speeds]
        n_frames = features.shape[1]
        if self.ensemble.votes:
            return [
                self._voted([version[k] for version in versions], n_frames=n_frames)
                for k in range(len(features))
            ]
        if speeds == (1.0,):
            return list(versions[0])
        mapped = [
            self.on_recording_frames(version, speed, n_frames=n_frames)
            for version, speed in zip(versions, speeds, strict=True)
        ]
        return list(np.mean(mapped, axis=0))

    def on_recording_frames(
        self, event_prob: NDArray[np.float64], speed: float, *, n_frames: int
    ) -> NDArray[np.float64]:
        """Map a version's probabilities to the frames of the original recording, [*, channel, frame].

        The mapping preserves the mass of an event if the decoder looks for mass, and its height otherwise.
        """
        own = np.minimum(np.arange(n_frames) / speed, event_prob.shape[-1] - 1)
        lower = np.floor(own).astype(np.int64)
        upper = np.minimum(lower + 1, event_prob.shape[-1] - 1)
        mapped: NDArray[np.float64] = event_prob[..., lower] + (own - lower) * (
            event_prob[..., upper] - event_prob[..., lower]
        )
        return mapped / speed if isinstance(self.decoder, LocalMass) else mapped

    def _voted(self, versions: Sequence[NDArray[np.float64]], *, n_frames: int) -> NDArray[np.float64]:
        """Return 1 in the frames where the versions agree on an event and 0 elsewhere, [channel, frame]."""
        vote, speeds = self.ensemble.vote(hop_s=self.hop_s), self.ensemble.speeds
        voted = np.zeros((len(versions[0]), n_frames))
        for channel, row in enumerate(voted):
            of_versions = [version[channel] for version in versions]
            if self.ensemble.combine == "frames":
                instants = vote(of_versions, speed=speeds)
            else:
                votes = [
                    self._frames(prob, speed) * speed for prob, speed in zip(of_versions, speeds, strict=True)
                ]
                at = np.concatenate(votes)
                instants = vote.agreed(at, np.ones(len(at)), n_frames=n_frames)
            row[np.minimum(instants.astype(np.int64), n_frames - 1)] = 1.0
        return voted

    def _frames(self, event_prob: NDArray[np.float64], speed: float) -> NDArray[np.float64]:
        """Return a version's events of one class, in its own frames."""
        assert not isinstance(self.decoder, FrameClass)  # __post_init__ rejects it
        return self.decoder(event_prob, hop_s=self.hop_s)

    def predictions(
        self, network: nn.Module, recordings: Sequence[Recording], *, device: torch.device
    ) -> dict[str, NDArray[np.float16]]:
        """Return the event probabilities of each recording by its name, as they are stored and decoded."""
        network.eval()
        return {
            recording.name: stored_prob(self.event_prob(network, recording, device=device))
            for recording in recordings
        }


@torch.no_grad()
def _probabilities(network: nn.Module, features: Tensor) -> NDArray[np.float64]:
    """Return event probabilities [batch, channel, frame] for features [batch, frame, band]."""
    return np.asarray(torch.sigmoid(network(features).double()).cpu().numpy())


def _played(features: Tensor, speed: float) -> Tensor:
    """Resample features [batch, frame, band] to another speed; frame k is interpolated at `k * speed`."""
    if speed == 1.0:
        return features
    last = features.shape[1] - 1
    position = torch.arange(math.floor(round(last / speed, 9)) + 1, dtype=torch.float64) * speed
    position = position.clamp(max=last).to(features.device)
    lower = position.floor().long()
    upper = (lower + 1).clamp(max=last)
    share = (position - lower).to(features.dtype)[:, None]
    return torch.lerp(features[:, lower], features[:, upper], share)
