"""What rendered sources share: what follows from words, names, splits; and what sources read in one loop."""

import hashlib

import numpy as np
import pytest
from hypothesis import given, strategies as st

from softloc_core.errors import DataError
from softloc_core.tasks import TASKS, DataRequest
from softloc_core.tasks.base import SourceTask
from softloc_core.tasks.base.rendered import RenderedSource, generator_of, key_of, numbered_names
from softloc_core.tasks.base.sources import collect, read_all, scan_of
from softloc_core.tasks.drums.rendered import RenderedDrums
from softloc_core.tasks.piano.rendered import RenderedPiano

RENDERED = [
    pytest.param(name, source, id=name)
    for name, task in TASKS.tasks.items()
    if isinstance(task, SourceTask)
    for source in map(task.source, task.sources)
    if isinstance(source, RenderedSource)
]


@given(words=st.lists(st.one_of(st.integers(), st.text(max_size=5)), max_size=4))
def test_keys_and_random_numbers_are_those_of_the_words_joined_by_blanks(words: list[object]) -> None:
    digest = hashlib.sha256(" ".join(str(word) for word in words).encode())
    assert key_of(*words) == digest.hexdigest()
    drawn = np.random.default_rng(int.from_bytes(digest.digest()[:8], "big")).random(4)
    assert np.array_equal(generator_of(*words).random(4), drawn)


def test_renderers_keep_their_keys() -> None:
    """Feature caches and the identities of trials hang on these words."""
    assert RenderedDrums("train_03", 5).content_key == hashlib.sha256(b"drums 1 5 train_03").hexdigest()
    assert RenderedPiano("test_00", 0).content_key == hashlib.sha256(b"piano 1 0 test_00").hexdigest()


def test_names_are_numbered_within_their_parts() -> None:
    names = numbered_names(train=2, validation=1, test=1)
    assert names.all == ("train_00", "train_01", "validation_00", "test_00")
    assert numbered_names(train=11, test=1).train[-1] == "train_10"


def test_every_task_with_a_rendered_source_is_held_here() -> None:
    assert len(RENDERED) == 7


@pytest.mark.parametrize(("name", "source"), RENDERED)
def test_splits_and_scans_are_of_the_source_s_own_names(name: str, source: RenderedSource) -> None:
    every = source.every_name
    assert len(set(every)) == len(every)
    for split, n_folds in source.info.splits.items():
        for fold in range(n_folds):
            parts = source.split(DataRequest(name, "synthetic", split, fold, "", 0), None)
            assert set(parts.all) <= set(every)
    found = source.scan(None, names=every[-1:], seed=0)
    assert [recording.name for recording in found.recordings] == [every[-1]] and found.problems == ()


def test_what_is_read_and_what_is_wrong_keep_their_order() -> None:
    def read(item: int) -> tuple[int, list[DataError]]:
        if item % 3 == 0:
            raise DataError(f"{item} must not be a multiple of 3")
        return 10 * item, [DataError(f"{item} is even")] if item % 2 == 0 else []

    made, problems = read_all(range(1, 7), read, problems=[DataError("first")])
    assert made == [10, 20, 40, 50]
    wanted = ["first", "2 is even", "3 must not be a multiple of 3", "4 is even"]
    assert [str(problem) for problem in problems] == [*wanted, "6 must not be a multiple of 3"]
    assert collect(["1", "2"], int) == ([1, 2], [])
    assert scan_of([], lambda name: (name, ())).recordings == ()
