"""Inference as in the papers: versions of a recording vote on its events, excerpts are put together again.

A version is the same recording played a little faster or slower. Trials interpolate the frames of its
features (`softloc_core.inference.detector`); `played_at` makes them anew from its sound, pitch and all.
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
"""Bandwidths beyond which a kernel counts as zero."""
_BLOCK_FRAMES = 256


def played_at(audio: AudioSource, speed: float, *, front_end: FrontEnd) -> NDArray[np.float32]:
    """Features of a recording played at another speed, [frame, band]; its events are at `time / speed`.

    Window, stride and bands scale together: faster is also higher.

    Args:
        audio: The recording.
        speed: Above 0; 1 leaves it as it is. The papers draw it from 0.875 to 1.125.
        front_end: What makes the features.

    Raises:
        ConfigError: A speed that is not above 0.

    Source: the SoftLoc paper's released code, which tells its spectrogram another sampling rate.
    """
    if not speed > 0:
        raise ConfigError(f"`speed` must be above 0, but got {speed}")
    samples, rate_hz = audio.load()
    return front_end(samples, round(rate_hz * speed))


@dataclass(frozen=True, kw_only=True)
class Vote:
    """How versions agree on events of one class.

    Frames above `trigger` are a version's votes. Each version's votes are smoothed and, on the time of the
    recording as it is, added. The largest sum is an event, all votes around it are taken away, and so on
    while the largest sum reaches `mass`. A lone vote counts 1 / (bandwidth sqrt(2 pi)): 0.08 at a bandwidth
    of 5 frames, so that a mass of 0.25 asks for four versions.

    Source: the SoftLoc paper's released code (a Nadaraya-Watson estimate a version). Deliberate difference:
    probabilities are the network's own, where that code reads them back from the count distribution and
    stores them a frame early.

    Attributes:
        n_versions: How many versions the papers use.
        trigger: Smallest probability of a vote, in (0, 1).
        bandwidth_frames: Standard deviation of the smoothing in frames of the recording as it is.
        mass: Smallest sum of an event.
        suppression_frames: How far around an event votes are taken away.
    """

    n_versions: int
    trigger: float
    bandwidth_frames: float
    mass: float
    suppression_frames: float

    def __call__(
        self, event_prob: Sequence[NDArray[np.float64]], *, speed: Sequence[float]
    ) -> NDArray[np.float64]:
        """Instants in frames of the recording as it is, ascending.

        Args:
            event_prob: Probabilities of each version, [frame].
            speed: The speed of each version.

        Raises:
            ConfigError: No version, or not a speed for each.
        """
        if not event_prob or len(event_prob) != len(speed):
            raise ConfigError(
                f"versions must be one or more, each with its speed, "
                f"but got {len(event_prob)} versions, {len(speed)} speeds"
            )
        votes = [np.flatnonzero(p >= self.trigger) * s for p, s in zip(event_prob, speed, strict=True)]
        # On an axis whose frames are `speed` apart, an average over frames gives each vote that weight.
        weight = [np.full(len(v), s) for v, s in zip(votes, speed, strict=True)]
        n_frames = round(max(len(p) * s for p, s in zip(event_prob, speed, strict=True)))
        return self.agreed(np.concatenate(votes), np.concatenate(weight), n_frames=n_frames)

    def agreed(
        self, votes: NDArray[np.float64], weight: NDArray[np.float64], *, n_frames: int
    ) -> NDArray[np.float64]:
        """Instants that votes agree on, ascending: the largest sums, one after the other.

        Args:
            votes: [vote] where each lies, in frames of the recording as it is.
            weight: [vote] what each counts; 1 for a vote that stands for itself.
            n_frames: Frames of the recording.
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
        """Smooth the votes that are left, in place, wherever a vote within `reach` is felt."""
        felt = _REACH * self.bandwidth_frames
        first, stop = max(0, int(around - reach - felt)), int(around + reach + felt) + 2
        grid = np.arange(first, min(stop, len(total)), dtype=np.float64)
        part = slice(np.searchsorted(votes, first - felt), np.searchsorted(votes, stop + felt))
        near, share = votes[part][left[part]], weight[part][left[part]]
        kernel = np.exp(-0.5 * ((grid[:, None] - near) / self.bandwidth_frames) ** 2)
        total[first : first + len(grid)] = kernel @ share / (self.bandwidth_frames * np.sqrt(2 * np.pi))


VOTES: Mapping[str, Vote] = {
    "paper_drums": Vote(n_versions=7, trigger=0.4, bandwidth_frames=5, mass=0.25, suppression_frames=9),
    "paper_piano": Vote(n_versions=7, trigger=0.2, bandwidth_frames=5, mass=0.14, suppression_frames=20),
    "loco_piano": Vote(n_versions=4, trigger=0.2, bandwidth_frames=5, mass=0.08, suppression_frames=20),
}
"""The papers' settings by experiment, at 200 frames/s: SoftLoc drums and piano, LoCo piano."""


def reassembled(
    excerpts: Sequence[NDArray[np.float64]], *, advance_frames: int, dropped_frames: int = 0
) -> NDArray[np.float64]:
    """Probabilities of a whole recording, [channel, frame], from excerpts that overlap: their mean.

    Args:
        excerpts: Probabilities of each excerpt, [channel, frame], all of one shape.
        advance_frames: From one excerpt's start to the next, at least 1 and at most what is kept of one.
        dropped_frames: Frames at each excerpt's start that are left out, where a recurrent network has heard
            too little; the first excerpt keeps its own. The papers' drum code drops 16 of 370, its piano code
            none, both advance 100 (0.5 s).

    Raises:
        ConfigError: No excerpt, or a step that leaves frames without an excerpt.
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
