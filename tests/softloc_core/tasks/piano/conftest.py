"""A fixture that writes a small MAPS data set in its published layout."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.softloc_core.tasks.audio_files import write_clicks

MAPS_NOTES = "0.25\t0.5\t60\n0.5\t1.0\t21\n\n0.5\t0.7\t108\n"


@pytest.fixture
def write_maps(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes MAPS with recordings such as `chpn-p1_AkPnBcht` and returns its root.

    An isolated note for each recording, which sources ignore, is written as well.
    """

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
