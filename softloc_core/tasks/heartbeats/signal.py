"""Electrocardiograms sampled like MIT-BIH's: records with their beats, validation and features."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter, sosfiltfilt

from softloc_core.errors import DataError
from softloc_core.events import EventList
from softloc_core.tasks.base import SignalRecording, array_key

__all__ = ["FRONT_ENDS", "HEARTBEAT_CHANNELS", "RATE_HZ", "EcgRecord", "ecg_features", "ecg_recording"]

HEARTBEAT_CHANNELS = ("beat", "pvc")
RATE_HZ = 360
FRONT_ENDS = ("ecg_60",)
_STEP = 6
_OFFSETS = np.arange(-3, 4)
_PASS_BAND_HZ = (0.5, 40.0)
_LARGEST = 8.0


@dataclass(frozen=True, eq=False)
class EcgRecord:
    """One lead of a record and its beats.

    Attributes:
        name: Name of the record.
        group: The person that the record belongs to.
        signal_mv: [sample] float32 at 360 Hz, in millivolts.
        beat_sample: [beat] sample of each beat, ascending.
        pvc_sample: [beat] samples of the premature ventricular beats among them.
    """

    name: str
    group: str
    signal_mv: NDArray[np.float32]
    beat_sample: NDArray[np.int64]
    pvc_sample: NDArray[np.int64]

    @property
    def reference(self) -> EventList:
        """The beats as events: all of them in channel `beat`, ventricular ones also in channel `pvc`."""
        sample = np.concatenate([self.beat_sample, self.pvc_sample])
        channel = np.repeat([0, 1], [len(self.beat_sample), len(self.pvc_sample)])
        return EventList(sample / RATE_HZ, channel, len(self.signal_mv) / RATE_HZ)

    def check(self, where: Path) -> None:
        """Validate the record.

        Args:
            where: The file of the record, for messages.

        Raises:
            DataError: The signal is not finite, or a beat is out of range or out of order. The message names
                the file and the sample.
        """
        broken = np.flatnonzero(~np.isfinite(self.signal_mv))
        if len(broken):
            first = f"{self.signal_mv[broken[0]]} at sample {broken[0]}"
            raise DataError(f"a signal must be finite, but got {first} in {where}")
        for what, sample in (("beat", self.beat_sample), ("pvc", self.pvc_sample)):
            _check_samples(what, sample, n_samples=len(self.signal_mv), where=where)
        stray = np.flatnonzero(~np.isin(self.pvc_sample, self.beat_sample))
        if len(stray):
            first = f"sample {self.pvc_sample[stray[0]]} in row {stray[0]}"
            raise DataError(f"a pvc must be one of the beats, but got {first} in {where}")


def _check_samples(what: str, sample: NDArray[np.int64], *, n_samples: int, where: Path) -> None:
    """Raise if a sample is outside the signal or not after the previous one."""
    outside = np.flatnonzero((sample < 0) | (sample >= n_samples))
    if len(outside):
        first = f"{sample[outside[0]]} in row {outside[0]}"
        raise DataError(f"a {what} must lie within samples 0 to {n_samples - 1}, but got {first} in {where}")
    late = np.flatnonzero(np.diff(sample) <= 0)
    if len(late):
        pair = f"{sample[late[0] + 1]} after {sample[late[0]]} in row {late[0] + 1}"
        raise DataError(f"samples of a {what} must ascend, but got {pair} in {where}")


def ecg_features(signal_mv: NDArray[np.float32], front_end: str) -> NDArray[np.float32]:
    """Return the normalised signal around each of 60 frames per second, [frame, band] float32.

    The seven bands of a frame are the samples around every sixth sample. Neighbouring frames share one
    sample, so no sample is lost. The signal is band-pass filtered to 0.5-40 Hz forward and backward, which
    causes no delay. It is divided by the 90th percentile of its magnitude to make leads and persons
    comparable. Its sign is dropped, because it depends on the placement of the electrodes and a few training
    persons do not cover both signs.

    Args:
        signal_mv: [sample] at 360 Hz, in millivolts.
        front_end: One of `FRONT_ENDS`.
    """
    assert front_end in FRONT_ENDS, "the task validates front ends"
    filters = butter(2, _PASS_BAND_HZ, btype="bandpass", fs=RATE_HZ, output="sos")
    filtered = sosfiltfilt(filters, np.asarray(signal_mv, dtype=np.float64))
    strength = max(float(np.quantile(np.abs(filtered), 0.9)), 1e-6)
    scaled = np.minimum(np.abs(filtered) / strength, _LARGEST)
    centre = np.arange(0, len(scaled), _STEP)
    sample = np.clip(centre[:, None] + _OFFSETS, 0, len(scaled) - 1)
    return np.ascontiguousarray(scaled[sample], dtype=np.float32)


def ecg_recording(record: EcgRecord, *, content_key: str | None = None) -> SignalRecording:
    """Return the record in the form that tasks read.

    Args:
        record: The record.
        content_key: Hash of the data that the features are computed from. By default, this is the signal.
    """
    key = content_key or array_key(record.signal_mv)
    return SignalRecording(
        name=record.name,
        group=record.group,
        hop_s=_STEP / RATE_HZ,
        features=partial(ecg_features, record.signal_mv),
        content_key=key,
        reference=record.reference,
    )
