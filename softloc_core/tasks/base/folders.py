"""Data sets in folders, with one annotation file per recording."""

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
    TimedClass,
    collect,
    named_events,
    scan_of,
)
from softloc_core.tasks.base.splits import SplitNames, checked_split, random_split

__all__ = ["AnnotatedFolder", "FilePair", "FolderSource"]


class ReadAnnotation(Protocol):
    """Reads the annotation files of one data set."""

    def __call__(self, path: Path, *, duration_s: float) -> tuple[list[TimedClass], list[DataError]]:
        """Return the events, and one error for each event that cannot be used."""
        ...


@dataclass(frozen=True)
class FilePair:
    """The files of a recording and its annotation."""

    name: str
    audio: Path
    annotation: Path


@dataclass(frozen=True, kw_only=True)
class AnnotatedFolder:
    """The layout of a data set.

    Attributes:
        audio: Pattern of the paths of the recordings below the root. The `*` in the file name stands for the
            name of the recording.
        annotation: The same pattern for the annotations.
        read: Reads an annotation file.
        channel_names: Classes that are kept, in channel order.
        group: Returns the group of a recording name. Raises DataError if the data set has no such recording.
        skip: Returns whether to ignore a name.
        audio_alternatives: Patterns of other formats, used for names without a file that matches `audio`.
        named_folders: Number of folders below the root that are part of a name.
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
        """The files that a data root must contain, for messages."""
        others = "".join(f" (or {Path(pattern).suffix})" for pattern in self.audio_alternatives)
        return f"{self.audio}{others} and {self.annotation}"

    def pairs(self, data_root: Path | None) -> tuple[dict[str, FilePair], list[DataError]]:
        """Return the complete pairs sorted by name, and the problems of incomplete ones.

        Raises:
            ConfigError: `data_root` is None.
            DataError: `data_root` does not exist or contains no file of this layout.
        """
        root = self._root(data_root)
        annotation = self._files(root, self.annotation)
        audio: dict[str, Path] = {}
        for pattern in (self.audio, *self.audio_alternatives):
            audio = {**self._files(root, pattern), **audio}
        if not audio and not annotation:
            raise DataError(f"`--data-root` must contain {self.layout}, but got neither in {root}")
        names = sorted({*audio, *annotation})
        pairs, problems = collect(names, lambda name: self._pair(name, audio.get(name), annotation.get(name)))
        return {pair.name: pair for pair in pairs}, problems

    def scan(self, data_root: Path | None, *, names: Iterable[str] | None) -> Scan[AudioRecording]:
        """Read the named recordings, or all of them, with their events and all problems.

        Raises:
            ConfigError: `data_root` is None.
            DataError: `data_root` does not exist or contains no file of this layout.
        """
        pairs, problems = self.pairs(data_root)
        chosen = pairs if names is None else names
        return scan_of(chosen, lambda name: self._recording(pairs[name]), problems=problems)

    def _root(self, data_root: Path | None) -> Path:
        if data_root is None:
            raise ConfigError(f"`--data-root` must name the folder that contains {self.layout}, but got none")
        if not data_root.is_dir():
            raise DataError(
                f"`--data-root` must be a folder that contains {self.layout}, but got {data_root}"
            )
        return data_root

    def _files(self, root: Path, pattern: str) -> dict[str, Path]:
        """Return the files that match a pattern, by recording name."""
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
        """Return a recording and the problems of its annotation."""
        audio = AudioFile(pair.audio)
        events, problems = self.read(pair.annotation, duration_s=audio.duration_s)
        kept = named_events(events, channel_names=self.channel_names, duration_s=audio.duration_s)
        found = AudioRecording(name=pair.name, group=self.group(pair.name), audio=audio, reference=kept)
        return found, problems


class FolderSource:
    """Base class of data sources that read an annotated folder.

    Attributes:
        info: What a user needs to know about the source.
        folder: Layout of the folder.
    """

    info: SourceInfo
    folder: AnnotatedFolder

    def complete_names(self, data_root: Path | None) -> tuple[str, ...]:
        """Return the sorted names of the recordings.

        Raises:
            ConfigError: `data_root` is None.
            DataError: The folder cannot be used, or a recording or an annotation has no counterpart.
        """
        pairs, problems = self.folder.pairs(data_root)
        if problems:
            raise problems[0]
        return tuple(pairs)

    def random_or_group_out(
        self, request: DataRequest, data_root: Path | None, *, groups: Sequence[str]
    ) -> SplitNames:
        """Return a random split, or a split that tests on one group.

        The split `random` is drawn from the request's seed. It depends on the sorted names only. Every other
        split tests on the group that the fold selects and trains on all other groups.

        Args:
            request: The requested split, fold and seed.
            data_root: Folder of the recorded data.
            groups: All groups, in the order of the folds.

        Raises:
            DataError: There are too few recordings, or a recording has no annotation.
        """
        names = self.complete_names(data_root)
        if request.split == "random":
            split = random_split(names, np.random.default_rng(request.seed))
        else:
            test = tuple(name for name in names if self.folder.group(name) == groups[request.fold])
            split = SplitNames(tuple(name for name in names if name not in test), (), test)
        return checked_split(request, split, data_root)

    def scan(self, data_root: Path | None, *, names: Iterable[str] | None, seed: int) -> Scan[AudioRecording]:
        """Read the named recordings, or all of them, with their events. The seed is not used."""
        return self.folder.scan(data_root, names=names)
