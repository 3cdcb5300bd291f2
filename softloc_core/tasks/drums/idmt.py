"""IDMT-SMT-Drums V2: acoustic, synthesised and sampled drum loops with annotated onsets."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from xml.parsers import expat

from softloc_core.errors import DataError
from softloc_core.tasks.base import (
    AnnotatedFolder,
    DataRequest,
    FolderSource,
    SourceInfo,
    SplitNames,
    TimedClass,
    collect,
    validate_class,
    validate_event_time,
)
from softloc_core.tasks.drums.classes import DRUM_CHANNELS

__all__ = ["COLLECTIONS", "IdmtSource", "read_idmt_annotation"]

COLLECTIONS = ("RealDrum", "TechnoDrum", "WaveDrum")


def read_idmt_annotation(path: Path, *, duration_s: float) -> tuple[list[TimedClass], list[DataError]]:
    """Read an IDMT-SMT-Drums annotation: `event` elements with `onsetSec` and `instrument` (KD, SD, HH).

    Args:
        path: The XML file. Its root is `instrumentRecording`, which contains a `transcription`.
        duration_s: Length of the recording in seconds. Later events are errors.

    Returns:
        The events in the order of the file, and one error for each event that cannot be used or for the whole
        file.
    """
    reader = _IdmtReader()
    try:
        reader.read(path.read_bytes())
    except (OSError, expat.ExpatError) as error:
        return [], [DataError(f"an annotation must be well-formed XML, but got {path}: {error}")]
    if reader.elements[:1] != ["instrumentRecording"] or "transcription" not in reader.elements:
        found = ", ".join(dict.fromkeys(reader.elements))
        rule = "an annotation must be an instrumentRecording with a transcription"
        return [], [DataError(f"{rule}, but got the elements {found} in {path}")]
    return collect(
        reader.events,
        lambda event: _idmt_event(event[1], where=f"{path}, line {event[0]}", duration_s=duration_s),
    )


@dataclass
class _IdmtReader:
    """Reads XML elements with their line numbers, which ElementTree does not provide.

    Attributes:
        elements: The names of all elements in order.
        events: Line number and content of each event.
    """

    elements: list[str] = field(default_factory=list)
    events: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    _open: list[str] = field(default_factory=list)

    def read(self, content: bytes) -> None:
        """Parse the XML document into `elements` and `events`."""
        parser = expat.ParserCreate()

        def start(name: str, _attributes: dict[str, str]) -> None:
            self.elements.append(name)
            self._open.append(name)
            if name == "event":
                self.events.append((parser.CurrentLineNumber, {}))

        def text(data: str) -> None:
            if "event" in self._open[:-1]:
                values = self.events[-1][1]
                values[self._open[-1]] = values.get(self._open[-1], "") + data

        parser.StartElementHandler = start
        parser.CharacterDataHandler = text
        parser.EndElementHandler = lambda _name: self._open.pop()
        parser.Parse(content, True)


def _idmt_event(content: dict[str, str], *, where: str, duration_s: float) -> TimedClass:
    """Return the time and class of an element."""
    for name in ("onsetSec", "instrument"):
        if not content.get(name, "").strip():
            raise DataError(f"an event must contain onsetSec and instrument, but got no {name} in {where}")
    time_s = validate_event_time(content["onsetSec"].strip(), where=where, duration_s=duration_s)
    return time_s, validate_class(content["instrument"].strip(), allowed=DRUM_CHANNELS, where=where)


def _collection(name: str) -> str:
    """Return the collection that a name such as `RealDrum01_00` starts with."""
    found = re.match(r"[A-Za-z]*", name)
    assert found is not None, "an empty match is a match"
    if found[0] not in COLLECTIONS:
        raise DataError(f"a recording's name must start with {', '.join(COLLECTIONS)}, but got {name}")
    return found[0]


FOLDER = AnnotatedFolder(
    audio="audio/*#MIX.wav",
    annotation="annotation_xml/*#MIX.xml",
    read=read_idmt_annotation,
    channel_names=DRUM_CHANNELS,
    group=_collection,
    skip=lambda name: "train" in name.lower(),
)


class IdmtSource(FolderSource):
    """The mixes of IDMT-SMT-Drums V2 in its published layout, without the isolated strokes (`train`).

    Source: Dittmar and Gärtner, "Real-time transcription and separation of drum recordings based on NMF
    decomposition", DAFx 2014.
    """

    info = SourceInfo(
        name="idmt",
        description="IDMT-SMT-Drums V2, mixes of hi-hat, kick drum and snare drum: the papers' drum data",
        splits={"random": 1, "leave_collection_out": len(COLLECTIONS)},
        needs_data_root=True,
        licence="see the homepage of its owner (Fraunhofer IDMT)",
        homepage="https://www.idmt.fraunhofer.de/en/publications/datasets/drums.html",
    )
    folder = FOLDER

    def split(self, request: DataRequest, data_root: Path | None) -> SplitNames:
        """Return a random split, or a split that tests on one collection.

        `random` has 70 % for training, 15 % for validation and the rest for testing. It is drawn from the
        request's seed and depends on the names only. `leave_collection_out` tests on one collection and
        trains on the others.

        Source: the SoftLoc paper's released code, drum experiment (*Eval Random*); Wu et al., "A review of
        automatic drum transcription", 2018 (*Eval Subset*, here without a validation part).
        """
        return self.random_or_group_out(request, data_root, groups=COLLECTIONS)
