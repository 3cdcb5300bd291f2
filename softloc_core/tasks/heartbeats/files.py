"""Records of the MIT-BIH arrhythmia database on disk: PhysioNet's WFDB files, or one `.npz` a record."""

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
# Annotation codes that mark a beat; the others mark rhythm, noise and comments.
BEAT_SYMBOLS = frozenset("NLRBAaJSVrFejnE/fQ?")
PVC_SYMBOL = "V"
LEAD = "MLII"
_NPZ_KEYS = ("signal_mv", "rate_hz", "beat_sample", "pvc_sample")


def record_files(data_root: Path | None) -> dict[str, Path]:
    """The file to read of each record (`.hea` or `.npz`), in the order of names.

    Raises:
        ConfigError: No root was given.
        DataError: It holds no record, or one in both layouts.
    """
    if data_root is None:
        raise ConfigError(f"`--data-root` must name the folder that holds {_LAYOUT}, but got none")
    found = sorted([*data_root.glob("*.hea"), *data_root.glob("*.npz")])
    if not found:
        raise DataError(f"`--data-root` must hold {_LAYOUT}, but got none of them in {data_root}")
    files: dict[str, Path] = {}
    for path in found:
        if path.stem in files:
            twice = f"{files[path.stem].name} and {path.name}"
            raise DataError(f"every record must be there once, but got {twice} in {data_root}")
        files[path.stem] = path
    return dict(sorted(files.items()))


def person_of(name: str) -> str:
    """The person a record was taken from; records 201 and 202 are one person's."""
    return "201" if name == "202" else name


def read_record(path: Path) -> EcgRecord:
    """One record, checked.

    Raises:
        DataError: A file that cannot be read or used, or WFDB files without the package that reads them.
    """
    record = _from_npz(path) if path.suffix == ".npz" else _from_wfdb(path)
    record.check(path)
    return record


def _from_npz(path: Path) -> EcgRecord:
    """A record with `signal_mv` [sample], `rate_hz`, `beat_sample` and `pvc_sample`."""
    try:
        with np.load(path, allow_pickle=False) as content:
            missing = [key for key in _NPZ_KEYS if key not in content]
            if missing:
                raise DataError(
                    f"a record must hold {', '.join(_NPZ_KEYS)}, but got no {missing[0]} in {path}"
                )
            arrays = {key: np.asarray(content[key]) for key in _NPZ_KEYS}
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise DataError(f"a record must be a numpy .npz file, but got {error} in {path}") from error
    _check_rate(float(arrays["rate_hz"]), path)
    return _record(path, arrays["signal_mv"], arrays["beat_sample"], arrays["pvc_sample"])


def _from_wfdb(path: Path) -> EcgRecord:
    """A record as PhysioNet publishes it; of its two leads MLII where it is there, else the first.

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
            # What the package does with newer versions of pandas is no concern of the user's.
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
    """The package `wfdb`, which is asked for only where there are WFDB files."""
    try:
        return importlib.import_module("wfdb")
    except ImportError as error:
        raise DataError(
            f"WFDB records need the package wfdb (pip install wfdb), but it is not installed; asked by {path}"
        ) from error


def _record(path: Path, signal: NDArray[Any], beat: NDArray[Any], pvc: NDArray[Any]) -> EcgRecord:
    for name, values in (("signal_mv", signal), ("beat_sample", beat), ("pvc_sample", pvc)):
        if values.ndim != 1 or (name == "signal_mv" and not len(values)):
            raise DataError(f"`{name}` must be one row of values, but got the shape {values.shape} in {path}")
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
