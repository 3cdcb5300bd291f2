"""Folders of recordings with an annotation each: pairing them, and finding all that is wrong with them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from softloc_core.audio import AudioFile
from softloc_core.errors import ConfigError, DataError
from softloc_core.tasks.sources import AudioRecording, Scan, TimedClass, named_events

__all__ = ["AnnotatedFolder", "FilePair"]


class ReadAnnotation(Protocol):
    """A reader of one data set's annotations."""

    def __call__(self, path: Path, *, duration_s: float) -> tuple[list[TimedClass], list[DataError]]:
        """Events, and one error for each that cannot be used."""
        ...


@dataclass(frozen=True)
class FilePair:
    """A recording and its annotation."""

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
        pairs, problems = {}, []
        for name in sorted({*audio, *annotation}):
            try:
                pairs[name] = self._pair(name, audio.get(name), annotation.get(name))
            except DataError as problem:
                problems.append(problem)
        return pairs, problems

    def scan(self, data_root: Path | None, *, names: Iterable[str] | None) -> Scan[AudioRecording]:
        """Those recordings, or all, with their events, and everything that is wrong with them.

        Raises:
            ConfigError: No root was given.
            DataError: It does not exist or holds nothing of that layout.
        """
        pairs, problems = self.pairs(data_root)
        recordings = []
        for name in pairs if names is None else names:
            try:
                recording, faults = self._recording(name, pairs[name])
            except DataError as problem:
                problems.append(problem)
                continue
            recordings.append(recording)
            problems.extend(faults)
        return Scan(tuple(recordings), tuple(problems))

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
        return FilePair(audio, annotation)

    def _recording(self, name: str, pair: FilePair) -> tuple[AudioRecording, list[DataError]]:
        """One recording, and what is wrong with its annotation."""
        audio = AudioFile(pair.audio)
        events, problems = self.read(pair.annotation, duration_s=audio.duration_s)
        kept = named_events(events, channel_names=self.channel_names, duration_s=audio.duration_s)
        return AudioRecording(name=name, group=self.group(name), audio=audio, reference=kept), problems
