"""Fixtures that write small data sets in their published layouts."""

from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from tests.softloc_core.tasks.audio_files import write_clicks

WriteMdb = Callable[..., Path]
WriteIdmt = Callable[..., Path]
IDMT_EVENTS = (("0.25", "HH"), ("0.5", "KD"), ("1.0", "SD"))


@pytest.fixture
def write_mdb(tmp_path: Path) -> WriteMdb:
    """Return a function that writes MDB Drums with the given tracks and returns its root."""

    def write(*tracks: str, lines: str = "0.25 \t HH \n0.50 \t KD \n0.50 \t CY \n1.00 \t SD \n") -> Path:
        root = tmp_path / "MDB Drums"
        for seed, track in enumerate(tracks):
            write_clicks(root / "audio" / "drum_only" / f"MusicDelta_{track}_Drum.wav", seed=seed)
            annotation = root / "annotations" / "class" / f"MusicDelta_{track}_class.txt"
            annotation.parent.mkdir(parents=True, exist_ok=True)
            annotation.write_text(lines)
        return root

    return write


def idmt_xml(events: Iterable[tuple[str, str]]) -> str:
    """Return an annotation of IDMT-SMT-Drums V2. The first event is on line 8, the second on line 14."""
    elements = "".join(
        f"    <event>\n      <pitch>0</pitch>\n      <onsetSec>{time_s}</onsetSec>\n"
        f"      <offsetSec>{time_s}</offsetSec>\n      <instrument>{instrument}</instrument>\n    </event>\n"
        for time_s, instrument in events
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<instrumentRecording>\n  <globalParameter>\n'
        "    <audioFileName>a#MIX.wav</audioFileName>\n    <instrument>Drums</instrument>\n"
        f"  </globalParameter>\n  <transcription>\n{elements}  </transcription>\n</instrumentRecording>\n"
    )


@pytest.fixture
def write_idmt(tmp_path: Path) -> WriteIdmt:
    """Return a function that writes IDMT-SMT-Drums with the given recordings and returns its root.

    Stems and isolated strokes, which sources ignore, are written as well.
    """

    def write(*names: str, events: Iterable[tuple[str, str]] = IDMT_EVENTS) -> Path:
        root = tmp_path / "IDMT-SMT-DRUMS-V2"
        (root / "annotation_xml").mkdir(parents=True, exist_ok=True)
        for seed, name in enumerate(names):
            write_clicks(root / "audio" / f"{name}#MIX.wav", seed=seed)
            (root / "annotation_xml" / f"{name}#MIX.xml").write_text(idmt_xml(events))
            write_clicks(root / "audio" / f"{name}#HH.wav", seconds=0.1)
            write_clicks(root / "audio" / f"{name}#KD#train.wav", seconds=0.1)
            write_clicks(root / "audio" / f"{name}#train#MIX.wav", seconds=0.1)
        return root

    return write
