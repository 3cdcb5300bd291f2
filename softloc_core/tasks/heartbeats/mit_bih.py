"""The MIT-BIH Arrhythmia Database: half-hour electrocardiograms with an annotation for every beat."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from softloc_core.tasks.base import (
    DataRequest,
    Scan,
    SignalRecording,
    SourceInfo,
    SplitNames,
    as_named,
    checked_split,
    scan_of,
    training_folds,
)
from softloc_core.tasks.heartbeats.files import person_of, read_record, record_files
from softloc_core.tasks.heartbeats.signal import ecg_recording

__all__ = ["MitBihSource"]

# De Chazal et al. 2004: two sets of persons with similar shares of arrhythmias, without paced records.
INTER_PATIENT_TRAIN = (
    "101", "106", "108", "109", "112", "114", "115", "116", "118", "119", "122", "124", "201", "203", "205",
    "207", "208", "209", "215", "220", "223", "230",
)  # fmt: skip
INTER_PATIENT_TEST = (
    "100", "103", "105", "111", "113", "117", "121", "123", "200", "202", "210", "212", "213", "214", "219",
    "221", "222", "228", "231", "232", "233", "234",
)  # fmt: skip
N_TRAINING_FOLDS = 2
_VALIDATION_EVERY = 4


class MitBihSource:
    """Records of the MIT-BIH Arrhythmia Database. An incomplete copy can be used.

    Source: Moody and Mark, "The impact of the MIT-BIH arrhythmia database", IEEE EMBS Magazine 20(3), 2001.
    """

    info = SourceInfo(
        name="mit_bih",
        description="MIT-BIH Arrhythmia Database: half-hour electrocardiograms, every beat annotated",
        splits={"by_record_validated": 1, "by_record": 1, "inter_patient": 1, "train_cv": N_TRAINING_FOLDS},
        needs_data_root=True,
        licence="ODC-By 1.0",
        homepage="https://physionet.org/content/mitdb/1.0.0/",
    )

    def split(self, request: DataRequest, data_root: Path | None) -> SplitNames:
        """Return the records for training, validation and testing.

        * `by_record`: persons in the order of their records, alternately for testing and for training.
        * `by_record_validated`: the same, with every fourth training person for validation, or the last one
          of fewer than four.
        * `inter_patient`: the sets of de Chazal et al., "Automatic classification of heartbeats using ECG
          morphology and heartbeat interval features", IEEE Trans. Biomed. Eng. 51(7), 2004. Deliberate
          difference: their sets share one person (records 201 and 202), so record 202 is left out here.
        * `train_cv`: cross-validation within the training persons of `by_record`. One in five persons of the
          other folds validates.

        Raises:
            ConfigError: `data_root` is None.
            DataError: There are too few records for the split.
        """
        names = tuple(record_files(data_root))
        return checked_split(request, _split(request, names), data_root)

    def scan(
        self, data_root: Path | None, *, names: Iterable[str] | None, seed: int
    ) -> Scan[SignalRecording]:
        """Read the named records, or all of them, with their beats. The seed is not used."""
        files = record_files(data_root)
        chosen = files if names is None else names
        return scan_of(chosen, lambda name: (ecg_recording(read_record(files[name])), ()))


def _split(request: DataRequest, names: tuple[str, ...]) -> SplitNames:
    """Return the parts of a split, with the existing records."""
    if request.split == "inter_patient":
        train = tuple(name for name in names if name in INTER_PATIENT_TRAIN)
        test = tuple(name for name in names if name in INTER_PATIENT_TEST and person_of(name) not in train)
        return SplitNames(train, (), test)
    persons = tuple(dict.fromkeys(person_of(name) for name in names))
    train, test = (_records_of(persons[start::2], names) for start in (1, 0))
    if request.split == "train_cv":
        return training_folds(train, fold=request.fold, n_folds=N_TRAINING_FOLDS, group=person_of)
    return as_named(request, SplitNames(train, (), test), group=person_of, every=_VALIDATION_EVERY)


def _records_of(persons: tuple[str, ...], names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name for name in names if person_of(name) in persons)
