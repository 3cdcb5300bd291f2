"""Splits into training, validation and test recordings, and the rule that holds out validation recordings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from softloc_core.errors import DataError
from softloc_core.tasks.base.contract import DataRequest

__all__ = [
    "VALIDATED",
    "SplitNames",
    "as_named",
    "checked_split",
    "group_folds",
    "held_out",
    "random_split",
    "training_folds",
    "with_validation",
]

VALIDATED = "_validated"
"""End of the name of a split that is another split with validation recordings, which were for training."""
VALIDATION_EVERY = 5
_TRAINING_FOLDS = "train_cv"
_PURPOSE = {"train": "train", "validation": "validate", "test": "test"}


@dataclass(frozen=True)
class SplitNames:
    """The names of the recordings in each part."""

    train: tuple[str, ...]
    validation: tuple[str, ...]
    test: tuple[str, ...]

    @property
    def all(self) -> tuple[str, ...]:
        """All names, each once."""
        return tuple(dict.fromkeys((*self.train, *self.validation, *self.test)))


def _itself(name: str) -> str:
    return name


def held_out(groups: Sequence[str], *, every: int = VALIDATION_EVERY) -> tuple[str, ...]:
    """Return the groups that validate: every fifth one, or the last one if there are fewer.

    The choice depends on the order of the groups only. More groups at the end do not change it, once there
    are five.

    Args:
        groups: The groups of the training part, each once. A single group is kept for training.
        every: Distance between the chosen groups.
    """
    if len(groups) < 2:
        return ()
    return tuple(groups[every - 1 :: every] or groups[-1:])


def with_validation(
    split: SplitNames, *, group: Callable[[str], str] = _itself, every: int = VALIDATION_EVERY
) -> SplitNames:
    """Move one in five groups of the training part to the validation part; see `held_out`.

    Args:
        split: A split without validation recordings.
        group: Returns the group of a recording: a person, a video or another origin. All recordings of a
            group stay in the same part. By default, each recording is its own group.
        every: Distance between the chosen groups, in the order of their first recordings.
    """
    chosen = held_out(tuple(dict.fromkeys(map(group, split.train))), every=every)
    return SplitNames(
        train=tuple(name for name in split.train if group(name) not in chosen),
        validation=tuple(name for name in split.train if group(name) in chosen),
        test=split.test,
    )


def as_named(
    request: DataRequest,
    split: SplitNames,
    *,
    group: Callable[[str], str] = _itself,
    every: int = VALIDATION_EVERY,
) -> SplitNames:
    """Return the split, with validation recordings if the requested name ends with `_validated`."""
    if not request.split.endswith(VALIDATED):
        return split
    return with_validation(split, group=group, every=every)


def group_folds(
    names: Sequence[str], *, fold: int, n_folds: int, group: Callable[[str], str] = _itself
) -> SplitNames:
    """Return one fold of a cross-validation, without validation recordings.

    Groups are assigned to folds in turn, in the order of their first recordings. The given fold is the test
    set, all others are for training.
    """
    tested = tuple(dict.fromkeys(map(group, names)))[fold::n_folds]
    return SplitNames(
        train=tuple(name for name in names if group(name) not in tested),
        validation=(),
        test=tuple(name for name in names if group(name) in tested),
    )


def training_folds(
    names: Sequence[str], *, fold: int, n_folds: int, group: Callable[[str], str] = _itself
) -> SplitNames:
    """Return one fold of a cross-validation within the training recordings, for choosing settings.

    The given fold is the test set; see `group_folds`. One in five groups of the other folds validates.
    """
    return with_validation(group_folds(names, fold=fold, n_folds=n_folds, group=group), group=group)


def random_split(names: Sequence[str], rng: np.random.Generator) -> SplitNames:
    """Return a random split of 70 % for training, 15 % for validation and the rest for testing.

    The first two sizes are rounded down to whole recordings, but one of three to six recordings validates.
    """
    shuffled = tuple(names[index] for index in rng.permutation(len(names)))
    n_train, n_validation = int(0.70 * len(names)), int(0.15 * len(names))
    if n_validation == 0 and len(names) >= 3:
        n_train, n_validation = min(n_train, len(names) - 2), 1
    return SplitNames(
        train=shuffled[:n_train],
        validation=shuffled[n_train : n_train + n_validation],
        test=shuffled[n_train + n_validation :],
    )


def checked_split(request: DataRequest, split: SplitNames, where: object) -> SplitNames:
    """Return the split if it can be used.

    Raises:
        DataError: The training or the test part is empty, or the validation part of a split that must have
            one: `train_cv` and splits whose name ends with `_validated`.
    """
    must_validate = request.split == _TRAINING_FOLDS or request.split.endswith(VALIDATED)
    for part in ("train", "validation", "test") if must_validate else ("train", "test"):
        if not getattr(split, part):
            needs = f"fold {request.fold} of the split {request.split} needs a recording to {_PURPOSE[part]}"
            raise DataError(f"{needs}, but got none of {len(split.all)} recordings in {where}")
    return split
