"""Rendered drums: nothing to download, exact onsets, every recording another kit and another part."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from softloc_core.tasks.base import DataRequest, SourceInfo
from softloc_core.tasks.drum_annotations import DRUM_CHANNELS
from softloc_core.tasks.drum_mix import rendered_mix
from softloc_core.tasks.drum_patterns import CHANNEL_OF_VOICE, STYLES, DrumPart, draw_part
from softloc_core.tasks.drum_voices import RATE_HZ, draw_kit
from softloc_core.tasks.sources import (
    AudioRecording,
    Scan,
    SplitNames,
    TimedClass,
    named_events,
    training_folds,
)

__all__ = ["RenderedDrums", "SyntheticSource"]

RENDERING_VERSION = 1
N_TRAIN, N_TEST = 12, 6
N_TRAINING_FOLDS = 3
DURATION_S = 20.0
TRAIN_NAMES = tuple(f"train_{index:02d}" for index in range(N_TRAIN))
TEST_NAMES = tuple(f"test_{index:02d}" for index in range(N_TEST))


@dataclass(frozen=True)
class RenderedDrums:
    """A recording that follows from its name and a seed.

    Attributes:
        name: One of the source's names.
        seed: Of the whole source.
    """

    name: str
    seed: int

    @property
    def content_key(self) -> str:
        """Hash of what decides the samples: the renderer's version, the seed, the name."""
        return hashlib.sha256(f"drums {RENDERING_VERSION} {self.seed} {self.name}".encode()).hexdigest()

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return DURATION_S

    @property
    def style(self) -> str:
        """What is played: each part of the split goes through all styles in turn."""
        names, index = list(STYLES), int(self.name.split("_")[1])
        # Tests start elsewhere, so that few recordings do not mean the same few styles.
        return names[(index * 3 + (0 if self.name.startswith("train") else 4)) % len(names)]

    def part(self) -> DrumPart:
        """The strokes."""
        return draw_part(STYLES[self.style], duration_s=DURATION_S, rng=self._generator("part"))

    def load(self) -> tuple[NDArray[np.float32], int]:
        """Samples and rate in Hz."""
        kit = draw_kit(self._generator("kit"))
        mix = rendered_mix(self.part(), kit, duration_s=DURATION_S, rng=self._generator("mix"))
        return mix, RATE_HZ

    def _generator(self, purpose: str) -> np.random.Generator:
        """Random numbers of one purpose, so that a change to one leaves the others alone."""
        digest = hashlib.sha256(f"{self.seed} {self.name} {purpose}".encode()).digest()
        return np.random.default_rng(int.from_bytes(digest[:8], "big"))


class SyntheticSource:
    """Rendered drum recordings with a band: 12 to train on, 6 to score, 20 s each."""

    info = SourceInfo(
        name="synthetic",
        description="drums and a band rendered on the spot, another kit and part in every recording",
        splits={"new_kits": 1, "train_cv": N_TRAINING_FOLDS},
        needs_data_root=False,
    )

    def split(self, request: DataRequest, data_root: Path | None) -> SplitNames:
        """`new_kits`, or `train_cv`: the training recordings dealt into folds, the others left alone."""
        if request.split == "train_cv":
            return training_folds(TRAIN_NAMES, fold=request.fold, n_folds=N_TRAINING_FOLDS)
        return SplitNames(TRAIN_NAMES, (), TEST_NAMES)

    def scan(self, data_root: Path | None, *, names: Iterable[str] | None, seed: int) -> Scan[AudioRecording]:
        """The recordings; `data_root` plays no part, and nothing can be wrong."""
        chosen = (*TRAIN_NAMES, *TEST_NAMES) if names is None else names
        return Scan(tuple(_recording(RenderedDrums(name, seed)) for name in chosen), ())


def _recording(audio: RenderedDrums) -> AudioRecording:
    """A rendered recording with its exact onsets, on the samples where the strokes start."""
    events: list[TimedClass] = [
        (round(hit.time_s * RATE_HZ) / RATE_HZ, CHANNEL_OF_VOICE[hit.voice])
        for hit in audio.part().hits
        if hit.voice in CHANNEL_OF_VOICE
    ]
    hits = named_events(events, channel_names=DRUM_CHANNELS, duration_s=audio.duration_s)
    return AudioRecording(name=audio.name, group=audio.style, audio=audio, reference=hits)
