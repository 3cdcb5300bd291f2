"""Inference as in the papers: versions of a recording vote on its events, and excerpts are joined.

A version is the same recording played slightly faster or slower. Trials interpolate between the frames of
its features (`softloc_core.inference.detector`). `played_at` computes the features from the sound instead,
which also shifts the pitch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from softloc_core.errors import ConfigError
from softloc_core.features import AudioSource, FrontEnd

__all__ = ["VOTES", "Vote", "played_at", "reassembled"]

_REACH = 6.0
"""Distance in bandwidths beyond which a kernel is treated as zero."""
_BLOCK_FRAMES = 256


def played_at(audio: AudioSource, speed: float, *, front_end: FrontEnd) -> NDArray[np.float32]:
    """Return the features of a recording played at another speed, [frame, band].

    An event at `time` is then at `time / speed`. Window, stride and bands scale together, so that a faster
    recording also has a higher pitch.

    Args:
        audio: The recording.
        speed: Playback speed, > 0; 1 changes nothing. The papers draw it from 0.875 to 1.125.
        front_end: Front end that computes the features.

    Raises:
        ConfigError: The speed is not above 0.

    Source: the SoftLoc paper's released code, which passes a modified sampling rate to its spectrogram.
    """
    if not speed > 0:
        raise ConfigError(f"`speed` must be above 0, but got {speed}")
    samples, rate_hz = audio.load()
    return front_end(samples, round(rate_hz * speed))


@dataclass(frozen=True, kw_only=True)
class Vote:
    """The rule by which versions vote on the events of one class.

    Each version votes for the frames whose probability is at least `vote_threshold`. The votes of each
    version are smoothed and summed on the time axis of the original recording. The largest sum is an event.
    Its votes are removed, and the search is repeated while the largest sum is at least `mass`. A single vote
    has a height of 1 / (bandwidth sqrt(2 pi)), which is 0.08 at a bandwidth of 5 frames, so that a mass of
    0.25 requires four versions.

    Source: the SoftLoc paper's released code (a Nadaraya-Watson estimate per version). Deliberate difference:
    probabilities come directly from the network, while that code reads them back from the count distribution
    and stores them one frame early.

    Attributes:
        n_versions: Number of versions that the papers use.
        vote_threshold: Smallest probability of a vote, in (0, 1).
        bandwidth_frames: Standard deviation of the smoothing in frames of the original recording.
        mass: Smallest sum that is an event.
        suppression_frames: Radius in frames around an event within which votes are removed.
    """

    n_versions: int
    vote_threshold: float
    bandwidth_frames: float
    mass: float
    suppression_frames: float

    def __call__(
        self, event_prob: Sequence[NDArray[np.float64]], *, speed: Sequence[float]
    ) -> NDArray[np.float64]:
        """Return the events in frames of the original recording, ascending.

        Args:
            event_prob: Probabilities of each version, [frame].
            speed: Speed of each version.

        Raises:
            ConfigError: There is no version, or the numbers of versions and speeds differ.
        """
        if not event_prob or len(event_prob) != len(speed):
            raise ConfigError(
                f"there must be at least one version, each with its speed, "
                f"but got {len(event_prob)} versions, {len(speed)} speeds"
            )
        votes = [np.flatnonzero(p >= self.vote_threshold) * s for p, s in zip(event_prob, speed, strict=True)]
        # On an axis whose frames are `speed` apart, averaging over frames gives each vote this weight.
        weight = [np.full(len(v), s) for v, s in zip(votes, speed, strict=True)]
        n_frames = round(max(len(p) * s for p, s in zip(event_prob, speed, strict=True)))
        return self.agreed(np.concatenate(votes), np.concatenate(weight), n_frames=n_frames)

    def agreed(
        self, votes: NDArray[np.float64], weight: NDArray[np.float64], *, n_frames: int
    ) -> NDArray[np.float64]:
        """Return the frames that the votes agree on, ascending, found by repeatedly taking the largest sum.

        Args:
            votes: [vote] position of each vote in frames of the original recording.
            weight: [vote] weight of each vote; 1 for an unweighted vote.
            n_frames: Number of frames of the recording.
        """
        order = np.argsort(votes, kind="stable")
        votes, weight = votes[order], weight[order]
        left = np.ones(len(votes), dtype=bool)
        total = np.zeros(n_frames)
        for middle in range(_BLOCK_FRAMES // 2, n_frames + _BLOCK_FRAMES, _BLOCK_FRAMES):
            self._sum(total, votes, weight, left, around=middle, reach=_BLOCK_FRAMES // 2)
        found: list[float] = []
        while left.any():
            best = int(np.argmax(total))
            if total[best] < self.mass:
                break
            found.append(float(best))
            near = left & (np.abs(votes - best) <= self.suppression_frames)
            if not near.any():
                break
            left &= ~near
            self._sum(total, votes, weight, left, around=best, reach=self.suppression_frames)
        return np.sort(np.array(found))

    def _sum(
        self,
        total: NDArray[np.float64],
        votes: NDArray[np.float64],
        weight: NDArray[np.float64],
        left: NDArray[np.bool_],
        *,
        around: float,
        reach: float,
    ) -> None:
        """Recompute `total` in place in the frames that votes within `reach` of `around` can affect."""
        felt = _REACH * self.bandwidth_frames
        first, stop = max(0, int(around - reach - felt)), int(around + reach + felt) + 2
        grid = np.arange(first, min(stop, len(total)), dtype=np.float64)
        part = slice(np.searchsorted(votes, first - felt), np.searchsorted(votes, stop + felt))
        near, share = votes[part][left[part]], weight[part][left[part]]
        kernel = np.exp(-0.5 * ((grid[:, None] - near) / self.bandwidth_frames) ** 2)
        total[first : first + len(grid)] = kernel @ share / (self.bandwidth_frames * np.sqrt(2 * np.pi))


VOTES: Mapping[str, Vote] = {
    "paper_drums": Vote(
        n_versions=7, vote_threshold=0.4, bandwidth_frames=5, mass=0.25, suppression_frames=9
    ),
    "paper_piano": Vote(
        n_versions=7, vote_threshold=0.2, bandwidth_frames=5, mass=0.14, suppression_frames=20
    ),
    "loco_piano": Vote(
        n_versions=4, vote_threshold=0.2, bandwidth_frames=5, mass=0.08, suppression_frames=20
    ),
}
"""The papers' settings by experiment, at 200 frames/s: SoftLoc drums and piano, LoCo piano."""


def reassembled(
    excerpts: Sequence[NDArray[np.float64]], *, advance_frames: int, dropped_frames: int = 0
) -> NDArray[np.float64]:
    """Join the probabilities of overlapping excerpts by averaging, [channel, frame] of the whole recording.

    Args:
        excerpts: Probabilities of each excerpt, [channel, frame], all of the same shape.
        advance_frames: Frames from one excerpt's start to the next, at least 1 and at most the number of
            frames that are not dropped.
        dropped_frames: Frames to drop at the start of each excerpt but the first, because a recurrent network
            has little context there. The papers' drum code drops 16 of 370, its piano code none; both advance
            by 100 (0.5 s).

    Raises:
        ConfigError: There is no excerpt, or the advance leaves frames without an excerpt.
    """
    if not excerpts:
        raise ConfigError("a recording must have at least one excerpt, but got none")
    n_channels, n_frames = excerpts[0].shape
    if not 1 <= advance_frames <= n_frames - dropped_frames:
        most = n_frames - dropped_frames
        raise ConfigError(f"`advance_frames` must be from 1 to {most}, but got {advance_frames}")
    total = np.zeros((n_channels, (len(excerpts) - 1) * advance_frames + n_frames))
    n_heard = np.zeros(total.shape[1])
    for index, excerpt in enumerate(excerpts):
        skipped = dropped_frames if index else 0
        part = slice(index * advance_frames + skipped, index * advance_frames + n_frames)
        total[:, part] += excerpt[:, skipped:]
        n_heard[part] += 1
    return total / n_heard
