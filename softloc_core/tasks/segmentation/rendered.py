"""Rendered cooking videos: actions in a loose order, with the scores of a mediocre frame classifier."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from softloc_core.events import SegmentList
from softloc_core.tasks.base import (
    RenderedSource,
    SignalRecording,
    generator_of,
    key_of,
    numbered_names,
    rendered_info,
)

__all__ = ["RENDERED_NAMES", "RenderedSegmentationSource"]

RENDERING_VERSION = 2
HOP_S = 1.0
RENDERED_NAMES = (
    "background",
    "wash",
    "peel",
    "cut_root",
    "cut_leaf",
    "add_oil",
    "add_salt",
    "mix",
    "serve",
)
# The stages of a recipe. The actions of a stage are done in any order, some of them twice. After the last
# stage, the next dish starts with the first one.
_STAGES = ((1, 2), (3, 4, 3, 4), (5, 6), (7,), (8,))
# Typical length of each class in seconds, and the class that it resembles.
_LENGTH_S = np.array([4.0, 12.0, 15.0, 20.0, 18.0, 5.0, 4.0, 14.0, 12.0])
_TWIN = np.array([0, 2, 1, 4, 3, 6, 5, 8, 7])
_N_BANDS = 12
_LIKENESS, _NOISE, _MEMORY, _VIDEO = 0.75, 1.1, 0.8, 0.4


class RenderedSegmentationSource(RenderedSource[SignalRecording]):
    """Rendered videos of about three minutes at one frame per second: 24 for training and 8 for testing.

    The order, repetitions, lengths and pauses of the actions are random. A frame shows the pattern of its
    class mixed with that of a similar class, plus noise that lasts a few seconds and an offset of the video.
    Single frames are therefore often ambiguous, and the previous actions help to classify them.
    """

    info = rendered_info(
        "rendered cooking videos, class scores for each frame",
        "new_videos_validated",
        "new_videos",
        channel_names=RENDERED_NAMES,
    )
    names = numbered_names(train=24, test=8)

    def recording(self, name: str, seed: int) -> SignalRecording:
        """Return the recording with this name."""
        return _video(name, seed=seed)


def _generator(*words: object) -> np.random.Generator:
    """Return the random generator for one purpose."""
    return generator_of("videos", RENDERING_VERSION, *words)


def _video(name: str, *, seed: int) -> SignalRecording:
    """Render a video that is determined by its name and a seed."""
    classes = _classes(_generator(seed, name, "actions"))

    def features(front_end: str) -> NDArray[np.float32]:
        return _frames(classes, patterns=_generator(seed, "patterns"), rng=_generator(seed, name, "frames"))

    return SignalRecording(
        name=name,
        group=name,
        hop_s=HOP_S,
        features=features,
        content_key=key_of("videos", RENDERING_VERSION, seed, name),
        reference=SegmentList.from_frames(classes, hop_s=HOP_S),
    )


def _classes(rng: np.random.Generator) -> NDArray[np.int64]:
    """Draw the class of each frame.

    The video starts at any stage, so that the time in the video says nothing about the action.
    """
    runs: list[NDArray[np.int64]] = []
    first = int(rng.integers(len(_STAGES)))
    for stage in (*_STAGES[first:], *_STAGES[:first]):
        for action in rng.permutation(stage):
            if rng.random() < 0.1:
                continue
            if rng.random() < 0.5:
                runs.append(np.zeros(_length(0, rng), dtype=np.int64))
            runs.append(np.full(_length(int(action), rng), action, dtype=np.int64))
    return np.concatenate(runs)


def _length(action: int, rng: np.random.Generator) -> int:
    """Draw the length of a segment in frames, at least two."""
    return max(2, round(float(_LENGTH_S[action]) * math.exp(0.4 * float(rng.standard_normal()))))


def _frames(
    classes: NDArray[np.int64], *, patterns: np.random.Generator, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Render features, [frame, band]."""
    own = patterns.standard_normal((len(RENDERED_NAMES), _N_BANDS))
    pattern = own + _LIKENESS * own[_TWIN]
    noise = rng.standard_normal((len(classes), _N_BANDS))
    for frame in range(1, len(noise)):
        noise[frame] = _MEMORY * noise[frame - 1] + np.sqrt(1 - _MEMORY**2) * noise[frame]
    offset = _VIDEO * rng.standard_normal(_N_BANDS)
    frames: NDArray[np.float32] = (pattern[classes] + 2 * _NOISE * noise + offset).astype(np.float32)
    return frames
