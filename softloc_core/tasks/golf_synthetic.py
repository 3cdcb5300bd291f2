"""Rendered golf swings: nothing to download, exact events, another golfer and camera in every clip."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from softloc_core.events import EventList
from softloc_core.tasks.base import DataRequest, SourceInfo
from softloc_core.tasks.golf_clips import FRAME_S
from softloc_core.tasks.golf_db import clip_tolerance_s
from softloc_core.tasks.golf_swing import draw_swing
from softloc_core.tasks.sources import Scan, SignalRecording, SplitNames, training_folds

__all__ = ["RenderedSwings"]

RENDERING_VERSION = 1
N_TRAIN, N_TEST = 60, 40
N_TRAINING_FOLDS = 3
TRAIN_NAMES = tuple(f"train_{index:02d}" for index in range(N_TRAIN))
TEST_NAMES = tuple(f"test_{index:02d}" for index in range(N_TEST))


class RenderedSwings:
    """Swings of a stylised golfer as a camera would track them: 60 clips to train on, 40 to score."""

    info = SourceInfo(
        name="synthetic",
        description="golf swings rendered on the spot, another golfer and camera in every clip",
        splits={"new_golfers": 1, "train_cv": N_TRAINING_FOLDS},
        needs_data_root=False,
    )

    def split(self, request: DataRequest, data_root: Path | None) -> SplitNames:
        """`new_golfers`, or `train_cv`: the training clips dealt into folds, the others left alone."""
        if request.split == "train_cv":
            return training_folds(TRAIN_NAMES, fold=request.fold, n_folds=N_TRAINING_FOLDS)
        return SplitNames(TRAIN_NAMES, (), TEST_NAMES)

    def scan(
        self, data_root: Path | None, *, names: Iterable[str] | None, seed: int
    ) -> Scan[SignalRecording]:
        """The clips; `data_root` plays no part, and nothing can be wrong."""
        chosen = (*TRAIN_NAMES, *TEST_NAMES) if names is None else names
        return Scan(tuple(_recording(name, seed) for name in chosen), ())


def _recording(name: str, seed: int) -> SignalRecording:
    """A clip that follows from its name and a seed."""
    content_key = hashlib.sha256(f"golf {RENDERING_VERSION} {seed} {name}".encode()).hexdigest()
    swing = draw_swing(np.random.default_rng(int(content_key[:16], 16)))
    time_s = np.asarray(swing.event_frame, dtype=np.float64) * FRAME_S
    events = EventList(time_s, np.arange(len(time_s)), len(swing.features) * FRAME_S)
    return SignalRecording(
        name=name,
        group=name,
        hop_s=FRAME_S,
        features=lambda _: swing.features,
        content_key=content_key,
        reference=events,
        tolerance_s=clip_tolerance_s(swing.event_frame),
    )
