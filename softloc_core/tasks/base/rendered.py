"""What rendered sources share: keys and random numbers that follow from words, numbered names, splits."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Generic

import numpy as np

from softloc_core.tasks.base.contract import DataRequest, SourceInfo
from softloc_core.tasks.base.sources import Found, Scan, SplitNames, training_folds

__all__ = [
    "RenderedAudio",
    "RenderedSource",
    "generator_of",
    "key_of",
    "numbered_names",
    "rendered_info",
]

N_TRAINING_FOLDS = 3


def key_of(*words: object) -> str:
    """SHA-256 of the words, hexadecimal: the same words, the same key, on every machine."""
    return hashlib.sha256(" ".join(map(str, words)).encode()).hexdigest()


def generator_of(*words: object) -> np.random.Generator:
    """Random numbers that follow from the words, so that a change to one purpose leaves the others alone."""
    return np.random.default_rng(int(key_of(*words)[:16], 16))


def numbered_names(*, train: int, validation: int = 0, test: int) -> SplitNames:
    """Names of so many recordings of each part, as `train_00`."""
    numbers = {"train": train, "validation": validation, "test": test}
    return SplitNames(
        **{part: tuple(f"{part}_{k:02d}" for k in range(number)) for part, number in numbers.items()}
    )


def rendered_info(description: str, *splits: str, channel_names: tuple[str, ...] = ()) -> SourceInfo:
    """What is known of a rendered source: its own splits in one part each, and `train_cv` in three."""
    return SourceInfo(
        name="synthetic",
        description=description,
        splits={**dict.fromkeys(splits, 1), "train_cv": N_TRAINING_FOLDS},
        needs_data_root=False,
        channel_names=channel_names,
    )


@dataclass(frozen=True)
class RenderedAudio:
    """A sound recording that follows from its name and a seed; a concrete one says how it sounds.

    Attributes:
        name: One of the source's names.
        seed: Of the whole source.
        kind: What is rendered, in a word.
        version: Of the renderer; a new one for every change that is heard.
        length_s: Length in seconds.
    """

    name: str
    seed: int
    kind: ClassVar[str]
    version: ClassVar[int]
    length_s: ClassVar[float]

    @property
    def content_key(self) -> str:
        """Hash of what decides the samples: the renderer's version, the seed, the name."""
        return key_of(self.kind, self.version, self.seed, self.name)

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return self.length_s

    def _generator(self, purpose: str) -> np.random.Generator:
        """Random numbers of one purpose."""
        return generator_of(self.seed, self.name, purpose)


class RenderedSource(Generic[Found]):
    """Recordings that follow from their names and a seed: nothing to read, so nothing can be wrong.

    Attributes:
        info: What a user must know of it.
        names: Recordings of each part of its default split.
    """

    info: SourceInfo
    names: SplitNames

    @property
    def every_name(self) -> tuple[str, ...]:
        """Names of all its recordings."""
        return self.names.all

    def split(self, request: DataRequest, data_root: Path | None) -> SplitNames:
        """The default, or `train_cv`: the training recordings dealt into folds, the others left alone."""
        if request.split == "train_cv":
            n_folds = self.info.splits["train_cv"]
            return training_folds(self.names.train, fold=request.fold, n_folds=n_folds)
        return self.names

    def scan(self, data_root: Path | None, *, names: Iterable[str] | None, seed: int) -> Scan[Found]:
        """The recordings; `data_root` plays no part."""
        chosen = self.every_name if names is None else names
        return Scan(tuple(self.recording(name, seed) for name in chosen), ())

    def recording(self, name: str, seed: int) -> Found:
        """The recording of that name."""
        raise NotImplementedError
