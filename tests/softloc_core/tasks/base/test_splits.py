"""Parts of a split: disjoint, complete, whole groups, and validation recordings by a stated rule."""

import numpy as np
import pytest
from hypothesis import given, strategies as st

from softloc_core.errors import DataError
from softloc_core.tasks.base import DataRequest, SplitNames, as_named, checked_split, group_folds, held_out
from softloc_core.tasks.base.splits import random_split, training_folds, with_validation

NAMES = st.integers(0, 40).map(lambda number: tuple(f"r{k:02d}" for k in range(number)))
N_GROUPS = st.integers(1, 12)


def request(split: str) -> DataRequest:
    return DataRequest("task", "source", split, 0, "", 0)


@given(names=NAMES, n_groups=N_GROUPS, every=st.integers(1, 8))
def test_one_in_five_groups_validates_and_at_least_one(
    names: tuple[str, ...], n_groups: int, every: int
) -> None:
    def group(name: str) -> str:
        return str(int(name[1:]) % n_groups)

    split = with_validation(SplitNames(names, (), ("x",)), group=group, every=every)
    assert sorted((*split.train, *split.validation)) == list(names) and split.test == ("x",)
    groups = list(dict.fromkeys(map(group, names)))
    chosen = [name for k, name in enumerate(groups, start=1) if k % every == 0] or groups[-1:]
    wanted = set(chosen) if len(groups) > 1 else set()
    assert {group(name) for name in split.validation} == wanted == set(held_out(groups, every=every))
    assert not {group(name) for name in split.train} & wanted


@given(n_groups=st.integers(5, 50))
def test_more_groups_do_not_change_which_of_the_first_validate(n_groups: int) -> None:
    groups = [str(k) for k in range(n_groups)]
    fewer, more = held_out(groups[:-1] or groups), held_out(groups)
    assert n_groups == 5 or fewer == tuple(name for name in more if name != groups[-1])
    assert len(more) == n_groups // 5


@given(names=NAMES, n_groups=N_GROUPS, n_folds=st.integers(2, 4))
def test_folds_test_every_group_once(names: tuple[str, ...], n_groups: int, n_folds: int) -> None:
    def group(name: str) -> str:
        return str(int(name[1:]) % n_groups)

    tested: list[str] = []
    for fold in range(n_folds):
        plain = group_folds(names, fold=fold, n_folds=n_folds, group=group)
        split = training_folds(names, fold=fold, n_folds=n_folds, group=group)
        assert split.test == plain.test
        assert sorted((*split.train, *split.validation)) == sorted(plain.train)
        parts = [{group(name) for name in part} for part in (split.train, split.validation, split.test)]
        assert len(set.union(*parts)) == sum(map(len, parts))
        tested += split.test
    assert sorted(tested) == list(names)


@given(names=NAMES, seed=st.integers(0, 9))
def test_a_random_split_of_three_or_more_has_every_part(names: tuple[str, ...], seed: int) -> None:
    split = random_split(names, np.random.default_rng(seed))
    assert sorted(split.all) == list(names)
    if len(names) >= 3:
        assert split.train and split.validation and split.test
    if len(names) >= 7:
        assert len(split.train) == int(0.7 * len(names))
        assert len(split.validation) == int(0.15 * len(names))


def test_only_names_that_say_so_have_validation_recordings() -> None:
    split = SplitNames(("a", "b"), (), ("c",))
    assert as_named(request("papers"), split) == split
    assert as_named(request("papers_validated"), split) == SplitNames(("a",), ("b",), ("c",))


@pytest.mark.parametrize(
    ("name", "split", "part"),
    [
        ("papers", SplitNames((), ("b",), ("c",)), "train"),
        ("papers", SplitNames(("a",), ("b",), ()), "test"),
        ("papers_validated", SplitNames(("a",), (), ("c",)), "validate"),
        ("train_cv", SplitNames(("a",), (), ("c",)), "validate"),
    ],
)
def test_an_empty_part_is_rejected(name: str, split: SplitNames, part: str) -> None:
    wanted = f"fold 0 of the split {name} needs a recording to {part}, but got none of . recordings in here"
    with pytest.raises(DataError, match=wanted):
        checked_split(request(name), split, "here")
    assert checked_split(request("papers"), SplitNames(("a",), (), ("c",)), "here").train == ("a",)
