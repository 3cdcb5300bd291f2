"""Readers for records of the MIT-BIH Arrhythmia Database: WFDB files of PhysioNet, or `.npz` files."""

from __future__ import annotations

import importlib
import warnings
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from softloc_core.errors import ConfigError, DataError
from softloc_core.tasks.heartbeats.signal import RATE_HZ, EcgRecord

__all__ = ["person_of", "read_record", "record_files"]

_LAYOUT = "<record>.hea, <record>.dat and <record>.atr (or <record>.npz)"
# Annotation codes of beats. The other codes mark rhythm, noise and comments.
BEAT_SYMBOLS = frozenset("NLRBAaJSVrFejnE/fQ?")
PVC_SYMBOL = "V"
LEAD = "MLII"
_NPZ_KEYS = ("signal_mv", "rate_hz", "beat_sample", "pvc_sample")


def record_files(data_root: Path | None) -> dict[str, Path]:
    """Return the file of each record (`.hea` or `.npz`), sorted by name.

    Raises:
        ConfigError: `data_root` is None.
        DataError: The folder contains no record, or it contains a record in both formats.
    """
    if data_root is None:
        raise ConfigError(f"`--data-root` must name the folder that contains {_LAYOUT}, but got none")
    found = sorted([*data_root.glob("*.hea"), *data_root.glob("*.npz")])
    if not found:
        raise DataError(f"`--data-root` must contain {_LAYOUT}, but got none of them in {data_root}")
    files: dict[str, Path] = {}
    for path in found:
        if path.stem in files:
            twice = f"{files[path.stem].name} and {path.name}"
            raise DataError(f"every record must exist once, but got {twice} in {data_root}")
        files[path.stem] = path
    return dict(sorted(files.items()))


def person_of(name: str) -> str:
    """Return the person that a record belongs to. Records 201 and 202 are of the same person."""
    return "201" if name == "202" else name


def read_record(path: Path) -> EcgRecord:
    """Read and validate a record.

    Raises:
        DataError: The file cannot be read or used, or it needs the package wfdb, which is not installed.
    """
    record = _from_npz(path) if path.suffix == ".npz" else _from_wfdb(path)
    record.check(path)
    return record


def _from_npz(path: Path) -> EcgRecord:
    """Read a file with `signal_mv` [sample], `rate_hz`, `beat_sample` and `pvc_sample`."""
    try:
        with np.load(path, allow_pickle=False) as content:
            missing = [key for key in _NPZ_KEYS if key not in content]
            if missing:
                raise DataError(
                    f"a record must contain {', '.join(_NPZ_KEYS)}, but got no {missing[0]} in {path}"
                )
            arrays = {key: np.asarray(content[key]) for key in _NPZ_KEYS}
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise DataError(f"a record must be a numpy .npz file, but got {error} in {path}") from error
    _check_rate(float(arrays["rate_hz"]), path)
    return _record(path, arrays["signal_mv"], arrays["beat_sample"], arrays["pvc_sample"])


def _from_wfdb(path: Path) -> EcgRecord:
    """Read a record as published by PhysioNet, using lead MLII if it exists and the first lead otherwise.

    Source: Moody and Mark, "The impact of the MIT-BIH arrhythmia database", IEEE EMBS Magazine 20(3), 2001;
    beat annotation codes of PhysioNet's documentation.
    """
    wfdb = _wfdb(path)
    stem = str(path.with_suffix(""))
    for suffix in (".dat", ".atr"):
        if not path.with_suffix(suffix).is_file():
            raise DataError(f"every record needs its {suffix} file, but got {path} without one")
    try:
        with warnings.catch_warnings():
            # The package uses deprecated features of pandas, which users cannot change.
            warnings.simplefilter("ignore", DeprecationWarning)
            record = wfdb.rdrecord(stem)
            annotation = wfdb.rdann(stem, "atr")
    except (OSError, ValueError, KeyError, IndexError) as error:
        raise DataError(f"a record must be readable by wfdb, but got {error!r} in {path}") from error
    _check_rate(float(record.fs), path)
    lead = record.sig_name.index(LEAD) if LEAD in record.sig_name else 0
    symbol = np.asarray(annotation.symbol)
    beats = np.isin(symbol, list(BEAT_SYMBOLS))
    sample = np.asarray(annotation.sample)
    return _record(path, record.p_signal[:, lead], sample[beats], sample[symbol == PVC_SYMBOL])


def _wfdb(path: Path) -> Any:
    """Import the package wfdb, which is needed for WFDB files only."""
    try:
        return importlib.import_module("wfdb")
    except ImportError as error:
        raise DataError(
            f"reading {path} needs the package wfdb, but it is not installed: pip install wfdb"
        ) from error


def _record(path: Path, signal: NDArray[Any], beat: NDArray[Any], pvc: NDArray[Any]) -> EcgRecord:
    for name, values in (("signal_mv", signal), ("beat_sample", beat), ("pvc_sample", pvc)):
        if values.ndim != 1 or (name == "signal_mv" and not len(values)):
            raise DataError(f"`{name}` must be one-dimensional, but got the shape {values.shape} in {path}")
    return EcgRecord(
        name=path.stem,
        group=person_of(path.stem),
        signal_mv=signal.astype(np.float32),
        beat_sample=beat.astype(np.int64),
        pvc_sample=pvc.astype(np.int64),
    )


def _check_rate(rate_hz: float, path: Path) -> None:
    if rate_hz != RATE_HZ:
        raise DataError(f"a record must be sampled at {RATE_HZ} Hz, but got {rate_hz:g} Hz in {path}")
