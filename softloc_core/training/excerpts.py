"""Training excerpts: recordings laid end to end on the device, one gather a batch, no loader processes."""

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
"""Features [batch, frame, band], labels [batch, channel, frame], and the frames that count [batch], or None
where all do."""


class Batches(Protocol):
    """What training draws its batches from."""

    def batch(self, size: int, *, generator: torch.Generator) -> Batch:
        """So many random excerpts."""
        ...


@dataclass(frozen=True, eq=False)
class Timeline:
    """Where recordings and their labels lie in a training set, on the CPU.

    Attributes:
        first_frame: [recording] first frame of each recording, ascending.
        last_frame: [recording] its last frame; what fills it up to an excerpt lies behind.
        start: [excerpt] first frame of every excerpt.
        position: [event] where each label lies, in frames with their fractions, ascending; clipped onto its
            recording's last frame.
        channel: [event] its class.
        dense: Whether labels are segments, which give every frame a class.
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
        """The timeline of recordings whose first frames are known."""
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
    """Training recordings laid end to end on the device.

    Attributes:
        features: [total frames, band] float32.
        label: [channel, total frames] float32.
        start: [excerpt] first frame of every excerpt that lies within one recording.
        excerpt_frames: Frames of an excerpt.
        timeline: Where recordings and labels lie.
        lengths: [excerpt] frames of it that count; None where all do. A recording shorter than an excerpt is
            an excerpt of its own, filled up with its last frame.
    """

    features: Tensor
    label: Tensor
    start: Tensor
    excerpt_frames: int
    timeline: Timeline
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
        n_frames = np.array([len(recording.features) for recording in recordings])
        excerpt_frames = max(
            1, round(min(seconds_to_frames(excerpt_s, hop_s=recordings[0].hop_s), int(n_frames.max())))
        )
        n_starts = np.maximum(1, n_frames - excerpt_frames + 1)
        first = np.concatenate([[0], np.cumsum(np.maximum(n_frames, excerpt_frames))[:-1]])
        start = np.concatenate([np.arange(f, f + n) for f, n in zip(first, n_starts, strict=True)])
        valid = np.repeat(np.minimum(n_frames, excerpt_frames), n_starts)
        features = [_filled(r.features.T, excerpt_frames, mode="edge").T for r in recordings]
        frames = [
            _filled(recording.grid.label(label, n_channels=n_channels), excerpt_frames, mode="constant")
            for recording, label in zip(recordings, labels, strict=True)
        ]
        return cls(
            features=torch.from_numpy(np.concatenate(features)).to(device),
            label=torch.from_numpy(np.concatenate(frames, axis=1)).to(device),
            start=torch.from_numpy(start).to(device),
            excerpt_frames=excerpt_frames,
            timeline=Timeline.of(recordings, labels, first_frame=first, start=start),
            lengths=None if (valid == excerpt_frames).all() else torch.from_numpy(valid).to(device),
        )

    def batch(self, size: int, *, generator: torch.Generator) -> Batch:
        """Random excerpts with replacement."""
        return self.excerpts(torch.randint(len(self.start), (size,), generator=generator))

    def excerpts(self, pick: Tensor) -> Batch:
        """The excerpts of those numbers, [batch], as they are."""
        device = self.start.device
        pick = pick.to(device)
        frame = self.start[pick, None] + torch.arange(self.excerpt_frames, device=device)
        lengths = None if self.lengths is None else self.lengths[pick]
        return self.features[frame], self.label[:, frame].transpose(0, 1), lengths

    def excerpts_at(self, pick: Tensor, rate: NDArray[np.float64]) -> Batch:
        """The excerpts of those numbers, [batch], each played at a rate of its own.

        Every excerpt keeps its number of frames, so one at a higher rate covers more of its recording; near
        the recording's end it begins earlier, and where the whole recording is too short it ends early.
        Features between two frames lie on the line between them. A label is an event: its time is divided by
        the rate, then brought to the nearest frame, and it belongs to the excerpts that have that frame.
        Segments give each frame the class at the nearest frame of the recording.

        Args:
            pick: [batch] numbers of excerpts.
            rate: [batch] rates, > 0; 1 leaves an excerpt as it is.
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
            label = label * _counted(length, n_frames).to(label)
        else:
            label = self._events_at(start, rate, first=first, last=last, length=length)
        features = self._between(position, last)
        all_count = bool((length == n_frames).all())
        return features, label, None if all_count else torch.from_numpy(length).to(self.label.device)

    def _between(self, position: NDArray[np.float64], last: NDArray[np.int64]) -> Tensor:
        """Features [batch, frame, band] at positions between frames, on the line from one to the next."""
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
        """Labels [batch, channel, frame] of excerpts played at their rates."""
        line, n_frames = self.timeline, self.excerpt_frames
        lowest = np.searchsorted(line.position, np.maximum(first, start - rate), side="left")
        highest = np.searchsorted(line.position, np.minimum(last, start + n_frames * rate), side="right")
        n_near = highest - lowest
        row = np.repeat(np.arange(len(start)), n_near)
        event = np.arange(len(row)) + np.repeat(lowest - (np.cumsum(n_near) - n_near), n_near)
        frame = nearest_frame((line.position[event] - start[row]) / rate[row])
        # Where the recording ends within the excerpt, its last frame takes what rounds past it.
        frame = np.where(length[row] < n_frames, np.minimum(frame, length[row] - 1), frame)
        inside = (frame >= 0) & (frame < n_frames)
        label = np.zeros((len(start), len(self.label), n_frames), dtype=np.float32)
        label[row[inside], line.channel[event[inside]], frame[inside]] = 1.0
        return torch.from_numpy(label).to(self.label.device)


def _counted(length: NDArray[np.int64], n_frames: int) -> Tensor:
    """[batch, 1, frame] whether a frame counts."""
    return torch.from_numpy(np.arange(n_frames) < length[:, None])[:, None]


def _filled(
    values: NDArray[np.float32], n_frames: int, *, mode: Literal["edge", "constant"]
) -> NDArray[np.float32]:
    """[*, frame] with as many frames as an excerpt: the last one again, or zeros."""
    missing = n_frames - values.shape[-1]
    return np.pad(values, ((0, 0), (0, missing)), mode=mode) if missing > 0 else values
