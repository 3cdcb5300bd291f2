"""Rendered pianos: nothing to download, exact onsets, every recording another instrument and piece."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import scipy.signal
from numpy.typing import NDArray

from softloc_core.tasks.base import DataRequest, SourceInfo
from softloc_core.tasks.piano_keys import KEY_NAMES, key_name
from softloc_core.tasks.piano_pieces import Note, draw_piece
from softloc_core.tasks.piano_voices import RATE_HZ, Piano, draw_piano
from softloc_core.tasks.sources import (
    AudioRecording,
    Scan,
    SplitNames,
    TimedClass,
    named_events,
    training_folds,
)

__all__ = ["RenderedPiano", "SyntheticPianoSource"]

RENDERING_VERSION = 1
N_TRAIN, N_VALIDATION, N_TEST = 12, 3, 6
N_TRAINING_FOLDS = 3
DURATION_S = 20.0
TRAIN_NAMES = tuple(f"train_{index:02d}" for index in range(N_TRAIN))
VALIDATION_NAMES = tuple(f"validation_{index:02d}" for index in range(N_VALIDATION))
TEST_NAMES = tuple(f"test_{index:02d}" for index in range(N_TEST))


@dataclass(frozen=True)
class RenderedPiano:
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
        return hashlib.sha256(f"piano {RENDERING_VERSION} {self.seed} {self.name}".encode()).hexdigest()

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return DURATION_S

    def piece(self) -> tuple[Note, ...]:
        """The notes."""
        return draw_piece(duration_s=DURATION_S, rng=self._generator("piece"))

    def load(self) -> tuple[NDArray[np.float32], int]:
        """Samples and rate in Hz."""
        piano = draw_piano(self._generator("piano"))
        return _recorded(self.piece(), piano, rng=self._generator("room")), RATE_HZ

    def _generator(self, purpose: str) -> np.random.Generator:
        """Random numbers of one purpose, so that a change to one leaves the others alone."""
        digest = hashlib.sha256(f"{self.seed} {self.name} {purpose}".encode()).digest()
        return np.random.default_rng(int.from_bytes(digest[:8], "big"))


def _recorded(notes: tuple[Note, ...], piano: Piano, *, rng: np.random.Generator) -> NDArray[np.float32]:
    """All notes in a room, with hiss and a level of its own; [sample] within [-1, 1]."""
    dry = np.zeros(round(DURATION_S * RATE_HZ))
    for note in notes:
        start = round(note.time_s * RATE_HZ)
        sound = piano.stroke(note.midi, velocity=note.velocity, held_s=note.held_s)
        end = min(len(dry), start + len(sound))
        dry[start:end] += sound[: end - start]
    decay_s = rng.uniform(0.1, 0.5)
    n_tail = int(4 * decay_s * RATE_HZ)
    tail = rng.standard_normal(n_tail) * np.exp(-np.arange(n_tail) / (decay_s * RATE_HZ))
    tail *= 10 ** (rng.uniform(-20, -8) / 20) / np.sqrt(np.sum(tail**2))
    gap = np.zeros(int(rng.uniform(0.004, 0.02) * RATE_HZ))
    wet = dry + scipy.signal.oaconvolve(dry, np.concatenate([gap, tail]))[: len(dry)]
    wet /= np.sqrt(np.mean(wet**2))
    wet += 10 ** (rng.uniform(-60, -42) / 20) * rng.standard_normal(len(wet))
    level = 10 ** (rng.uniform(-9, -1) / 20)
    return np.asarray(level * wet / np.abs(wet).max(), dtype=np.float32)


class SyntheticPianoSource:
    """Rendered pianos: 12 recordings to train on, 3 to validate, 6 to score, 20 s each."""

    info = SourceInfo(
        name="synthetic",
        description="pianos rendered on the spot, another instrument and piece in every recording",
        splits={"new_pianos": 1, "train_cv": N_TRAINING_FOLDS},
        needs_data_root=False,
    )

    def split(self, request: DataRequest, data_root: Path | None) -> SplitNames:
        """`new_pianos`, or `train_cv`: the training recordings dealt into folds, the others left alone."""
        if request.split == "train_cv":
            return training_folds(TRAIN_NAMES, fold=request.fold, n_folds=N_TRAINING_FOLDS)
        return SplitNames(TRAIN_NAMES, VALIDATION_NAMES, TEST_NAMES)

    def scan(self, data_root: Path | None, *, names: Iterable[str] | None, seed: int) -> Scan[AudioRecording]:
        """The recordings; `data_root` plays no part, and nothing can be wrong."""
        chosen = (*TRAIN_NAMES, *VALIDATION_NAMES, *TEST_NAMES) if names is None else names
        return Scan(tuple(_recording(RenderedPiano(name, seed)) for name in chosen), ())


def _recording(audio: RenderedPiano) -> AudioRecording:
    """A rendered recording with its exact onsets, on the samples where the strokes start."""
    onsets: list[TimedClass] = [
        (round(note.time_s * RATE_HZ) / RATE_HZ, key_name(note.midi)) for note in audio.piece()
    ]
    reference = named_events(onsets, channel_names=KEY_NAMES, duration_s=audio.duration_s)
    return AudioRecording(name=audio.name, group=audio.name, audio=audio, reference=reference)
