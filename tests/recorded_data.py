"""The folder of recorded data: `SOFTLOC_DATA`, by default `shared/data` next to the checkout."""

import os
from pathlib import Path

import pytest

__all__ = ["DATA", "FOLDERS", "recorded"]

FOLDERS = {
    "mdb": "mdb_drums/MDB Drums",
    "maps": "maps",
    "maps_70": "maps",
    "mit_bih": "mit_bih",
    "mobgap": "mobgap",
    "golfdb": "golfdb",
    "salads50_svm": "salads50",
    "salads50_svm_eval": "salads50",
    "mnist": "mnist",
}
"""Folder of each recorded source of which a part is at hand, by the source's name."""

DATA = Path(os.environ.get("SOFTLOC_DATA", Path(__file__).parents[2] / "shared" / "data"))


def recorded(path: str) -> Path:
    """Return the path of a file or folder of recorded data, or skip the calling test if it does not exist."""
    if not (DATA / path).exists():
        pytest.skip(f"no {path} in {DATA} (set SOFTLOC_DATA to the folder of recorded data)")
    return DATA / path
