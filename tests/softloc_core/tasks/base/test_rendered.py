"""What rendered sources share: keys and generators derived from words, names and splits."""

import hashlib

import numpy as np
import pytest
from hypothesis import given, strategies as st

from softloc_core.tasks import TASKS, DataRequest
from softloc_core.tasks.base import SourceTask
from softloc_core.tasks.base.rendered import RenderedSource, generator_of, key_of, numbered_names
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
def test_keys_and_generators_depend_on_the_words_joined_by_blanks(words: list[object]) -> None:
    digest = hashlib.sha256(" ".join(str(word) for word in words).encode())
    assert key_of(*words) == digest.hexdigest()
    drawn = np.random.default_rng(int.from_bytes(digest.digest()[:8], "big")).random(4)
    assert np.array_equal(generator_of(*words).random(4), drawn)


def test_content_keys_of_rendered_audio_have_not_changed() -> None:
    """Feature caches and the identities of trials depend on these words."""
    assert RenderedDrums("train_03", 5).content_key == hashlib.sha256(b"drums 1 5 train_03").hexdigest()
    assert RenderedPiano("test_00", 0).content_key == hashlib.sha256(b"piano 1 0 test_00").hexdigest()


def test_names_are_numbered_within_each_part() -> None:
    names = numbered_names(train=2, validation=1, test=1)
    assert names.all == ("train_00", "train_01", "validation_00", "test_00")
    assert numbered_names(train=11, test=1).train[-1] == "train_10"


def test_seven_tasks_have_a_rendered_source() -> None:
    assert len(RENDERED) == 7


@pytest.mark.parametrize(("name", "source"), RENDERED)
def test_splits_and_scans_use_the_names_of_the_source(name: str, source: RenderedSource) -> None:
    every = source.every_name
    assert len(set(every)) == len(every)
    for split, n_folds in source.info.splits.items():
        for fold in range(n_folds):
            parts = source.split(DataRequest(name, "synthetic", split, fold, "", 0), None)
            assert set(parts.all) <= set(every)
    found = source.scan(None, names=every[-1:], seed=0)
    assert [recording.name for recording in found.recordings] == [every[-1]] and found.problems == ()
