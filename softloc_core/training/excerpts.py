"""Training excerpts, gathered from recordings that are concatenated on the device."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from softloc_core.events import EventList, SegmentList, nearest_frame, seconds_to_frames
from softloc_core.tasks import Recording

__all__ = ["Batch", "Batches", "Timeline", "TrainingSet"]

Batch = tuple[Tensor, Tensor, Tensor | None]
"""Features [batch, frame, band], labels [batch, channel, frame] and the number of valid frames [batch], which
is None if all frames are valid."""


class Batches(Protocol):
    """A source of training batches."""

    def batch(self, size: int, *, generator: torch.Generator) -> Batch:
        """Return a batch of `size` random excerpts."""
        ...


@dataclass(frozen=True, eq=False)
class Timeline:
    """Positions of recordings and labels in the concatenated frames of a training set, on the CPU.

    Attributes:
        first_frame: [recording] first frame of each recording, ascending.
        last_frame: [recording] last frame of each recording, not counting padding.
        start: [excerpt] first frame of each excerpt.
        position: [event] position of each label in frames, with fractions, ascending; at most the last frame
            of its recording.
        channel: [event] class of each label.
        dense: Whether the labels are segments, which assign a class to every frame.
    """

    first_frame: NDArray[np.int64]
    last_frame: NDArray[np.int64]
    start: NDArray[np.int64]
    position: NDArray[np.float64]
    channel: NDArray[np.int64]
    dense: bool

    @classmethod
    def of(
        cls,
        recordings: Sequence[Recording],
        labels: Sequence[EventList],
        *,
        first_frame: NDArray[np.int64],
        start: NDArray[np.int64],
    ) -> Timeline:
        """Return the timeline of recordings, given their first frames and the starts of excerpts."""
        last = [len(recording.features) - 1 for recording in recordings]
        position = [
            first + np.minimum(seconds_to_frames(label.time_s, hop_s=recording.hop_s), n)
            for first, n, recording, label in zip(first_frame, last, recordings, labels, strict=True)
        ]
        return cls(
            first_frame=first_frame,
            last_frame=first_frame + np.array(last),
            start=start,
            position=np.concatenate(position),
            channel=np.concatenate([label.channel for label in labels]),
            dense=isinstance(labels[0], SegmentList),
        )


@dataclass(frozen=True, eq=False)
class TrainingSet:
    """Training recordings concatenated on the device, so that a batch is a single gather operation.

    Attributes:
        features: [total frames, band] float32.
        label: [channel, total frames] float32, the number of labels in each frame.
        start: [excerpt] first frame of every excerpt that is within one recording.
        excerpt_frames: Number of frames of an excerpt.
        timeline: Positions of recordings and labels.
        lengths: [excerpt] number of valid frames; None if all frames are valid. A recording shorter than an
            excerpt is one excerpt, padded with its last frame.
        collision: Value of a frame with several labels of one class, at any rate: with `add` it is their
            number, with `merge` it is 1.
    """

    features: Tensor
    label: Tensor
    start: Tensor
    excerpt_frames: int
    timeline: Timeline
    lengths: Tensor | None = None
    collision: str = "add"

    @classmethod
    def from_recordings(
        cls,
        recordings: Sequence[Recording],
        labels: Sequence[EventList],
        *,
        n_channels: int,
        excerpt_s: float,
        device: torch.device,
        collision: str = "add",
    ) -> TrainingSet:
        """Concatenate recordings and their labels.

        Args:
            recordings: Training recordings, at least one, all with the same hop.
            labels: Labels of each recording, which may be misaligned.
            n_channels: Number of event classes.
            excerpt_s: Length of an excerpt in seconds, > 0; at most the length of the longest recording.
            device: Device that holds the training set.
            collision: Value of a frame with several labels of one class: `add` keeps their number, which the
                count loss needs; `merge` makes them one.
        """
        n_frames = np.array([len(recording.features) for recording in recordings])
        excerpt_frames = max(
            1, round(min(seconds_to_frames(excerpt_s, hop_s=recordings[0].hop_s), int(n_frames.max())))
        )
        n_starts = np.maximum(1, n_frames - excerpt_frames + 1)
        first = np.concatenate([[0], np.cumsum(np.maximum(n_frames, excerpt_frames))[:-1]])
        start = np.concatenate([np.arange(f, f + n) for f, n in zip(first, n_starts, strict=True)])
        valid = np.repeat(np.minimum(n_frames, excerpt_frames), n_starts)
        features = [_padded(r.features.T, excerpt_frames, mode="edge").T for r in recordings]
        frames = [
            _padded(
                recording.grid.label(label, n_channels=n_channels, collision=collision),
                excerpt_frames,
                mode="constant",
            )
            for recording, label in zip(recordings, labels, strict=True)
        ]
        return cls(
            features=torch.from_numpy(np.concatenate(features)).to(device),
            label=torch.from_numpy(np.concatenate(frames, axis=1)).to(device),
            start=torch.from_numpy(start).to(device),
            excerpt_frames=excerpt_frames,
            timeline=Timeline.of(recordings, labels, first_frame=first, start=start),
            lengths=None if (valid == excerpt_frames).all() else torch.from_numpy(valid).to(device),
            collision=collision,
        )

    def batch(self, size: int, *, generator: torch.Generator) -> Batch:
        """Return a batch of `size` excerpts, drawn with replacement."""
        return self.excerpts(torch.randint(len(self.start), (size,), generator=generator))

    def excerpts(self, pick: Tensor) -> Batch:
        """Return the excerpts with these indices, [batch], unchanged."""
        device = self.start.device
        pick = pick.to(device)
        frame = self.start[pick, None] + torch.arange(self.excerpt_frames, device=device)
        lengths = None if self.lengths is None else self.lengths[pick]
        return self.features[frame], self.label[:, frame].transpose(0, 1), lengths

    def excerpts_at(self, pick: Tensor, rate: NDArray[np.float64]) -> Batch:
        """Return the excerpts with these indices, each played at its own rate.

        The number of frames does not change, so that an excerpt at a higher rate covers more of its
        recording. Near the end of the recording it starts earlier, and if the recording is too short it has
        fewer valid frames. Features are interpolated linearly between frames. The time of an event is divided
        by the rate and rounded to the nearest frame. If labels are segments, each frame has the class of the
        nearest frame of the recording.

        Args:
            pick: [batch] indices of excerpts.
            rate: [batch] rates, > 0; 1 leaves an excerpt unchanged.
        """
        line, n_frames = self.timeline, self.excerpt_frames
        start = line.start[pick.numpy()]
        recording = np.searchsorted(line.first_frame, start, side="right") - 1
        first, last = line.first_frame[recording], line.last_frame[recording]
        latest = np.floor(last - (n_frames - 1) * rate).astype(np.int64)
        start = np.clip(latest, first, start)
        position = np.minimum(start[:, None] + rate[:, None] * np.arange(n_frames), last[:, None])
        length = np.minimum(np.floor(np.round((last - start) / rate, 9)).astype(np.int64) + 1, n_frames)
        if line.dense:
            frame = torch.from_numpy(nearest_frame(position)).to(self.label.device)
            label = self.label[:, frame].transpose(0, 1)
            label = label * _valid(length, n_frames).to(label)
        else:
            label = self._events_at(start, rate, first=first, last=last, length=length)
        features = self._between(position, last)
        all_count = bool((length == n_frames).all())
        return features, label, None if all_count else torch.from_numpy(length).to(self.label.device)

    def _between(self, position: NDArray[np.float64], last: NDArray[np.int64]) -> Tensor:
        """Interpolate features [batch, frame, band] linearly at positions between frames."""
        device = self.features.device
        lower = np.floor(position).astype(np.int64)
        upper = torch.from_numpy(np.minimum(lower + 1, last[:, None])).to(device)
        share = torch.from_numpy((position - lower).astype(np.float32)).to(device)
        return torch.lerp(
            self.features[torch.from_numpy(lower).to(device)], self.features[upper], share[:, :, None]
        )

    def _events_at(
        self,
        start: NDArray[np.int64],
        rate: NDArray[np.float64],
        *,
        first: NDArray[np.int64],
        last: NDArray[np.int64],
        length: NDArray[np.int64],
    ) -> Tensor:
        """Return labels [batch, channel, frame] of excerpts played at their rates."""
        line, n_frames = self.timeline, self.excerpt_frames
        lowest = np.searchsorted(line.position, np.maximum(first, start - rate), side="left")
        highest = np.searchsorted(line.position, np.minimum(last, start + n_frames * rate), side="right")
        n_near = highest - lowest
        row = np.repeat(np.arange(len(start)), n_near)
        event = np.arange(len(row)) + np.repeat(lowest - (np.cumsum(n_near) - n_near), n_near)
        frame = nearest_frame((line.position[event] - start[row]) / rate[row])
        # If the recording ends within the excerpt, events that round past its end belong to its last frame.
        frame = np.where(length[row] < n_frames, np.minimum(frame, length[row] - 1), frame)
        inside = (frame >= 0) & (frame < n_frames)
        label = np.zeros((len(start), len(self.label), n_frames), dtype=np.float32)
        np.add.at(label, (row[inside], line.channel[event[inside]], frame[inside]), 1.0)
        return self.united(torch.from_numpy(label).to(self.label.device))

    def united(self, label: Tensor) -> Tensor:
        """Return numbers of labels, [excerpt, channel, frame], united where the rule for collisions says so.

        Segments are always united, because a frame either has a class or does not have it.
        """
        return label.clamp(max=1) if self.collision == "merge" or self.timeline.dense else label


def _valid(length: NDArray[np.int64], n_frames: int) -> Tensor:
    """Return whether each frame is valid, [batch, 1, frame]."""
    return torch.from_numpy(np.arange(n_frames) < length[:, None])[:, None]


def _padded(
    values: NDArray[np.float32], n_frames: int, *, mode: Literal["edge", "constant"]
) -> NDArray[np.float32]:
    """Pad [*, frame] to at least `n_frames` frames, with the last frame or with zeros."""
    missing = n_frames - values.shape[-1]
    return np.pad(values, ((0, 0), (0, missing)), mode=mode) if missing > 0 else values
