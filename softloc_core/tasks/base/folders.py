"""Folders of recordings with an annotation each: pairing them, and finding all that is wrong with them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from softloc_core.errors import ConfigError, DataError
from softloc_core.features import AudioFile
from softloc_core.tasks.base.contract import DataRequest, SourceInfo
from softloc_core.tasks.base.sources import (
    AudioRecording,
    Scan,
    SplitNames,
    TimedClass,
    checked_split,
    collect,
    named_events,
    random_split,
    scan_of,
)

__all__ = ["AnnotatedFolder", "FilePair", "FolderSource"]


class ReadAnnotation(Protocol):
    """A reader of one data set's annotations."""

    def __call__(self, path: Path, *, duration_s: float) -> tuple[list[TimedClass], list[DataError]]:
        """Events, and one error for each that cannot be used."""
        ...


@dataclass(frozen=True)
class FilePair:
    """A recording and its annotation."""

    name: str
    audio: Path
    annotation: Path


@dataclass(frozen=True, kw_only=True)
class AnnotatedFolder:
    """The layout of a data set.

    Attributes:
        audio: Pattern of the recordings' paths below the root, `*` standing for the name.
        annotation: The same of the annotations.
        read: Reads an annotation.
        channel_names: Classes that are kept, in channel order.
        group: Whom a name belongs to; raises DataError for a name that the data set does not have.
        skip: Whether a name is left alone.
        audio_alternatives: Patterns of recordings in other formats, read where the first finds none.
        named_folders: How many of the folders below the root are part of a name.
    """

    audio: str
    annotation: str
    read: ReadAnnotation
    channel_names: tuple[str, ...]
    group: Callable[[str], str]
    skip: Callable[[str], bool] = lambda name: False
    audio_alternatives: tuple[str, ...] = ()
    named_folders: int = 0

    @property
    def layout(self) -> str:
        """What a data root must hold, for messages."""
        others = "".join(f" (or {Path(pattern).suffix})" for pattern in self.audio_alternatives)
        return f"{self.audio}{others} and {self.annotation}"

    def pairs(self, data_root: Path | None) -> tuple[dict[str, FilePair], list[DataError]]:
        """Complete pairs by name, in the order of names, and what is wrong with the others.

        Raises:
            ConfigError: No root was given.
            DataError: It does not exist or holds nothing of that layout.
        """
        root = self._root(data_root)
        annotation = self._files(root, self.annotation)
        audio: dict[str, Path] = {}
        for pattern in (self.audio, *self.audio_alternatives):
            audio = {**self._files(root, pattern), **audio}
        if not audio and not annotation:
            raise DataError(f"`--data-root` must hold {self.layout}, but got neither in {root}")
        names = sorted({*audio, *annotation})
        pairs, problems = collect(names, lambda name: self._pair(name, audio.get(name), annotation.get(name)))
        return {pair.name: pair for pair in pairs}, problems

    def scan(self, data_root: Path | None, *, names: Iterable[str] | None) -> Scan[AudioRecording]:
        """Those recordings, or all, with their events, and everything that is wrong with them.

        Raises:
            ConfigError: No root was given.
            DataError: It does not exist or holds nothing of that layout.
        """
        pairs, problems = self.pairs(data_root)
        chosen = pairs if names is None else names
        return scan_of(chosen, lambda name: self._recording(pairs[name]), problems=problems)

    def _root(self, data_root: Path | None) -> Path:
        if data_root is None:
            raise ConfigError(f"`--data-root` must name the folder that holds {self.layout}, but got none")
        if not data_root.is_dir():
            raise DataError(f"`--data-root` must be a folder that holds {self.layout}, but got {data_root}")
        return data_root

    def _files(self, root: Path, pattern: str) -> dict[str, Path]:
        """A pattern's files by name."""
        before, after = Path(pattern).name.split("*")
        found = {}
        for path in root.glob(pattern):
            folders = path.relative_to(root).parts[: self.named_folders]
            found["/".join((*folders, path.name[len(before) : len(path.name) - len(after)]))] = path
        return {name: path for name, path in found.items() if not self.skip(name)}

    def _pair(self, name: str, audio: Path | None, annotation: Path | None) -> FilePair:
        try:
            self.group(name)
        except DataError as problem:
            raise DataError(f"{problem} in {audio or annotation}") from problem
        if annotation is None:
            raise DataError(f"every recording needs its annotation, but got {audio} without one")
        if audio is None:
            raise DataError(f"every annotation needs its recording, but got {annotation} without one")
        return FilePair(name, audio, annotation)

    def _recording(self, pair: FilePair) -> tuple[AudioRecording, list[DataError]]:
        """One recording, and what is wrong with its annotation."""
        audio = AudioFile(pair.audio)
        events, problems = self.read(pair.annotation, duration_s=audio.duration_s)
        kept = named_events(events, channel_names=self.channel_names, duration_s=audio.duration_s)
        found = AudioRecording(name=pair.name, group=self.group(pair.name), audio=audio, reference=kept)
        return found, problems


class FolderSource:
    """A data source whose recordings are those of a folder.

    Attributes:
        info: What a user must know of it.
        folder: Its layout.
    """

    info: SourceInfo
    folder: AnnotatedFolder

    def complete_names(self, data_root: Path | None) -> tuple[str, ...]:
        """Names of the recordings, in order.

        Raises:
            ConfigError: No root was given.
            DataError: It cannot be used, or a recording or an annotation is alone.
        """
        pairs, problems = self.folder.pairs(data_root)
        if problems:
            raise problems[0]
        return tuple(pairs)

    def random_or_group_out(
        self, request: DataRequest, data_root: Path | None, *, groups: Sequence[str]
    ) -> SplitNames:
        """The split `random`, drawn from the request's seed over the names; under others, a group tests.

        Args:
            request: Its fold chooses the group.
            data_root: The folder of recorded data.
            groups: All groups, in the order of the folds.

        Raises:
            DataError: There are too few recordings, or one lacks its annotation.
        """
        names = self.complete_names(data_root)
        if request.split == "random":
            split = random_split(names, np.random.default_rng(request.seed))
        else:
            test = tuple(name for name in names if self.folder.group(name) == groups[request.fold])
            split = SplitNames(tuple(name for name in names if name not in test), (), test)
        return checked_split(request, split, data_root)

    def scan(self, data_root: Path | None, *, names: Iterable[str] | None, seed: int) -> Scan[AudioRecording]:
        """Recordings with their events; `seed` plays no part."""
        return self.folder.scan(data_root, names=names)
