"""IDMT-SMT-Drums V2: drum loops played, programmed and sampled, with annotated onsets."""

from __future__ import annotations

import re
from pathlib import Path

from softloc_core.errors import DataError
from softloc_core.tasks.base import AnnotatedFolder, DataRequest, FolderSource, SourceInfo, SplitNames
from softloc_core.tasks.drums.classes import DRUM_CHANNELS, read_idmt_annotation

__all__ = ["COLLECTIONS", "IdmtSource"]

COLLECTIONS = ("RealDrum", "TechnoDrum", "WaveDrum")


def _collection(name: str) -> str:
    """The collection that a name such as `RealDrum01_00` begins with."""
    found = re.match(r"[A-Za-z]*", name)
    assert found is not None, "an empty match is a match"
    if found[0] not in COLLECTIONS:
        raise DataError(f"a recording's name must begin with {', '.join(COLLECTIONS)}, but got {name}")
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
    """IDMT-SMT-Drums V2 as its owners publish it; mixes alone, isolated strokes (`train`) are left out.

    Source: Dittmar and Gärtner, "Real-time transcription and separation of drum recordings based on NMF
    decomposition", DAFx 2014.
    """

    info = SourceInfo(
        name="idmt",
        description="IDMT-SMT-Drums V2, mixes of hi-hat, kick and snare: the papers' drum data",
        splits={"random": 1, "leave_collection_out": len(COLLECTIONS)},
        needs_data_root=True,
        licence="its owner's (Fraunhofer IDMT), see the homepage",
        homepage="https://www.idmt.fraunhofer.de/en/publications/datasets/drums.html",
    )
    folder = FOLDER

    def split(self, request: DataRequest, data_root: Path | None) -> SplitNames:
        """`random`: 70 % to train, 15 % to validate, the rest to test; `leave_collection_out`: one tests.

        The random split is drawn from the request's seed over the names alone.

        Source: the SoftLoc paper's released code, drum experiment (*Eval Random*); Wu et al., "A review of
        automatic drum transcription", 2018 (*Eval Subset*; here without a validation part).
        """
        return self.random_or_group_out(request, data_root, groups=COLLECTIONS)
