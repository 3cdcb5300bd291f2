"""What rendered sources share: keys and generators derived from words, numbered names and splits."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Generic

import numpy as np

from softloc_core.tasks.base.contract import DataRequest, SourceInfo
from softloc_core.tasks.base.sources import Found, Scan
from softloc_core.tasks.base.splits import SplitNames, as_named, training_folds

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
    """Return the hexadecimal SHA-256 of the words. Equal words have equal keys on every machine."""
    return hashlib.sha256(" ".join(map(str, words)).encode()).hexdigest()


def generator_of(*words: object) -> np.random.Generator:
    """Return a generator seeded by the words, so that a change to one purpose does not affect the others."""
    return np.random.default_rng(int(key_of(*words)[:16], 16))


def numbered_names(*, train: int, validation: int = 0, test: int) -> SplitNames:
    """Return numbered names such as `train_00` for the given number of recordings in each part."""
    numbers = {"train": train, "validation": validation, "test": test}
    return SplitNames(
        **{part: tuple(f"{part}_{k:02d}" for k in range(number)) for part, number in numbers.items()}
    )


def rendered_info(description: str, *splits: str, channel_names: tuple[str, ...] = ()) -> SourceInfo:
    """Describe a rendered source with the given splits of one fold each and `train_cv` with three folds."""
    return SourceInfo(
        name="synthetic",
        description=description,
        splits={**dict.fromkeys(splits, 1), "train_cv": N_TRAINING_FOLDS},
        needs_data_root=False,
        channel_names=channel_names,
    )


@dataclass(frozen=True)
class RenderedAudio:
    """A sound recording determined by its name and a seed. Subclasses implement `load`.

    Attributes:
        name: One of the source's names.
        seed: Seed of the whole source.
        kind: One word for what is rendered.
        version: Version of the renderer. Every audible change needs a new version.
        length_s: Length in seconds.
    """

    name: str
    seed: int
    kind: ClassVar[str]
    version: ClassVar[int]
    length_s: ClassVar[float]

    @property
    def content_key(self) -> str:
        """Hash of what determines the samples: the renderer's version, the seed and the name."""
        return key_of(self.kind, self.version, self.seed, self.name)

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return self.length_s

    def _generator(self, purpose: str) -> np.random.Generator:
        """Return the random generator for one purpose."""
        return generator_of(self.seed, self.name, purpose)


class RenderedSource(Generic[Found]):
    """Base class of sources whose recordings are determined by their names and a seed.

    Such a source reads no files, so its scans never report problems.

    Attributes:
        info: What a user needs to know about the source.
        names: Recordings of each part of the source's split.
    """

    info: SourceInfo
    names: SplitNames

    @property
    def every_name(self) -> tuple[str, ...]:
        """The names of all recordings."""
        return self.names.all

    def split(self, request: DataRequest, data_root: Path | None) -> SplitNames:
        """Return the source's split, or a fold of a cross-validation within its training recordings.

        A split whose name ends with `_validated` validates on one in five of the training recordings.
        `train_cv` never uses the validation and test recordings of the source's split.
        """
        if request.split == "train_cv":
            n_folds = self.info.splits["train_cv"]
            return training_folds(self.names.train, fold=request.fold, n_folds=n_folds)
        return as_named(request, self.names)

    def scan(self, data_root: Path | None, *, names: Iterable[str] | None, seed: int) -> Scan[Found]:
        """Render the named recordings, or all of them. The data root is not used."""
        chosen = self.every_name if names is None else names
        return Scan(tuple(self.recording(name, seed) for name in chosen), ())

    def recording(self, name: str, seed: int) -> Found:
        """Return the recording with this name."""
        raise NotImplementedError
