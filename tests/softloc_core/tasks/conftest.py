"""Small trees of recordings in the layouts that the owners of the data publish."""

from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pytest
import soundfile

WriteMdb = Callable[..., Path]
WriteIdmt = Callable[..., Path]
WriteMaps = Callable[..., Path]
IDMT_EVENTS = (("0.25", "HH"), ("0.5", "KD"), ("1.0", "SD"))


def write_clicks(path: Path, *, seconds: float = 2.0, rate_hz: int = 44_100, seed: int = 0) -> None:
    """A quiet recording with a click every quarter of a second, its own noise."""
    path.parent.mkdir(parents=True, exist_ok=True)
    samples = 0.01 * np.random.default_rng(seed).standard_normal(round(seconds * rate_hz))
    samples[:: rate_hz // 4] = 0.5
    soundfile.write(path, samples, rate_hz)


@pytest.fixture
def write_mdb(tmp_path: Path) -> WriteMdb:
    """Writes an MDB Drums tree with those tracks and gives its root."""

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
    """An annotation as IDMT-SMT-Drums V2 has it; the first event stands on line 8, the next on line 14."""
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
    """Writes an IDMT-SMT-Drums tree with those recordings, stems and isolated strokes; gives its root."""

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


MAPS_NOTES = "0.25\t0.5\t60\n0.5\t1.0\t21\n\n0.5\t0.7\t108\n"


@pytest.fixture
def write_maps(tmp_path: Path) -> WriteMaps:
    """Writes a MAPS tree with those recordings (`chpn-p1_AkPnBcht`), an isolated note too; gives its root."""

    def write(*names: str, lines: str = MAPS_NOTES, ext: str = "wav") -> Path:
        root = tmp_path / "MAPS"
        for seed, name in enumerate(names):
            instrument = name.rpartition("_")[2]
            folder = root / instrument / "MUS"
            write_clicks(folder / f"MAPS_MUS-{name}.{ext}", rate_hz=16_000, seed=seed)
            (folder / f"MAPS_MUS-{name}.txt").write_text(f"OnsetTime\tOffsetTime\tMidiPitch\n{lines}")
            write_clicks(root / instrument / "ISOL" / f"MAPS_ISOL_M22_{instrument}.{ext}", seconds=0.1)
        return root

    return write
