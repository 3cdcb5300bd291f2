"""Mobilise-D's recordings of walking with the contacts of two reference systems that disagree."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from softloc_core.errors import ConfigError, DataError
from softloc_core.tasks.base import (
    VALIDATED,
    DataRequest,
    Scan,
    SignalRecording,
    SourceInfo,
    SplitNames,
    checked_split,
    held_out,
    read_all,
    with_validation,
)
from softloc_core.tasks.gait.matlab import SYSTEMS, WalkingTrial, read_trials
from softloc_core.tasks.gait.stretches import Stretch, contact_runs, cut_stretch, gait_recording

__all__ = ["MobgapSource", "read_stretches"]

N_FOLDS = 2
_LAYOUT = "<cohort>/<person>/data.mat"
# Reference systems for training and for testing, by split.
SPLITS = {
    "indip": ("indip", "indip"),
    "stereophoto": ("stereophoto", "stereophoto"),
    "indip_to_stereophoto": ("indip", "stereophoto"),
    "stereophoto_to_indip": ("stereophoto", "indip"),
}
# The first one is the default. In the example data, one person has contacts of INDIP in a single trial, which
# cannot both train and validate.
VALIDATED_SPLITS = {
    f"{name}{VALIDATED}": SPLITS[name]
    for name in ("stereophoto", "indip", "indip_to_stereophoto", "stereophoto_to_indip")
}


class MobgapSource:
    """Walking with a sensor at the lower back: the example data in mobgap's repository.

    A recording is a stretch of walking with the contacts of one reference system: INDIP (pressure insoles and
    sensors at the feet) or Stereophoto (cameras). As in Mobilise-D's evaluation of initial contacts, only
    what a system recognised as walking is scored against it. Deliberate difference: a stretch starts and ends
    within a step, see `cut_stretch`.

    Source: mobgap and its example data; Mico-Amigo et al., "Assessing real-world gait with digital
    technology? Validation, insights and recommendations from the Mobilise-D consortium", Journal of
    NeuroEngineering and Rehabilitation 20, 2023.
    """

    info = SourceInfo(
        name="mobgap",
        description="walking with a lower-back sensor and two reference systems",
        splits=dict.fromkeys((*VALIDATED_SPLITS, *SPLITS), N_FOLDS),
        needs_data_root=True,
        licence="Apache-2.0",
        homepage="https://github.com/mobilise-d/mobgap",
    )

    def split(self, request: DataRequest, data_root: Path | None) -> SplitNames:
        """Return a fold over persons, with the reference systems for training and testing.

        The name of the split determines the systems. `indip_to_stereophoto` trains on contacts of INDIP and
        tests on those of Stereophoto. `indip` uses INDIP for both. A name that ends with `_validated` moves
        recordings from training to validation, with the contacts of the system for training: those of every
        fifth person, or of the last one of fewer than five. If only one person is left to train on, it is
        every fifth of that person's trials, counted from the last, or the first one of fewer than five.
        """
        stretches, problems = read_stretches(data_root)
        if problems:
            raise problems[0]
        persons = sorted({stretch.person for stretch in stretches})
        scored = persons[request.fold :: N_FOLDS]
        train_system, test_system = {**SPLITS, **VALIDATED_SPLITS}[request.split]
        train = [s.name for s in stretches if s.system == train_system and s.person not in scored]
        test = [s.name for s in stretches if s.system == test_system and s.person in scored]
        split = SplitNames(tuple(train), (), tuple(test))
        if request.split in VALIDATED_SPLITS:
            split = _validated(split)
        return checked_split(request, split, data_root)

    def scan(
        self, data_root: Path | None, *, names: Iterable[str] | None, seed: int
    ) -> Scan[SignalRecording]:
        """Read the named stretches of walking, or those of both systems. The seed is not used."""
        stretches, problems = read_stretches(data_root)
        wanted = None if names is None else set(names)
        kept = [stretch for stretch in stretches if wanted is None or stretch.name in wanted]
        return Scan(tuple(gait_recording(stretch) for stretch in kept), tuple(problems))


def _validated(split: SplitNames) -> SplitNames:
    """Hold out persons, or whole trials of the only person."""
    if len({_person(name) for name in split.train}) > 1:
        return with_validation(split, group=_person)
    trials = tuple(dict.fromkeys(_trial(name) for name in reversed(split.train)))
    chosen = held_out(trials)
    return SplitNames(
        train=tuple(name for name in split.train if _trial(name) not in chosen),
        validation=tuple(name for name in split.train if _trial(name) in chosen),
        test=split.test,
    )


def _person(name: str) -> str:
    return name.split()[0]


def _trial(name: str) -> str:
    return name.split()[1]


def read_stretches(data_root: Path | None) -> tuple[list[Stretch], list[DataError]]:
    """Read the stretches of walking of all persons and systems, and the problems of unusable trials.

    Raises:
        ConfigError: `data_root` is None.
        DataError: The folder does not exist or contains no file of a person.
    """
    if data_root is None:
        raise ConfigError(f"`--data-root` must name the folder that contains {_LAYOUT}, but got none")
    files = sorted(data_root.glob("*/*/data.mat"))
    if not files:
        raise DataError(f"`--data-root` must contain {_LAYOUT}, but got none in {data_root}")
    persons, problems = read_all(files, _read_person)
    return [stretch for stretches in persons for stretch in stretches], problems


def _read_person(path: Path) -> tuple[list[Stretch], list[DataError]]:
    """Read the stretches of one person and the problems of unusable trials."""
    trials, faults = read_trials(path)
    person = f"{path.parent.parent.name}_{path.parent.name}"
    return [stretch for trial in trials for stretch in _stretches(trial, person)], faults


def _stretches(trial: WalkingTrial, person: str) -> list[Stretch]:
    """Cut a trial into stretches of walking for each system."""
    return [
        cut_stretch(
            trial.motion,
            run,
            name=f"{person} {trial.name} {system} {index:02d}",
            person=person,
            system=system,
        )
        for system in SYSTEMS
        for index, run in enumerate(
            run for contact_s in trial.bouts.get(system, []) for run in contact_runs(contact_s)
        )
    ]
