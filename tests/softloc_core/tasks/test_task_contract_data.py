"""What holds for the data of every task, on a few recordings of each source that needs no recorded data."""

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from softloc_core.label_noise import misaligned
from softloc_core.tasks import TASKS, TaskData
from softloc_core.trial import TrialResult, run_trial
from tests.recorded_data import FOLDERS, recorded
from tests.softloc_core.tasks.contract import (
    check_counts,
    check_parts,
    check_recordings,
    check_scores,
    check_splits,
    few_recordings,
    request_of,
    short_config,
)

WITHOUT_DATA_ROOT = [
    (name, source)
    for name, task in TASKS.tasks.items()
    for source, info in task.sources.items()
    if not info.needs_data_root
]
EVERY_SOURCE = pytest.mark.parametrize(("name", "source"), WITHOUT_DATA_ROOT, ids=lambda value: value)


@cache
def _few(name: str, source: str) -> TaskData:
    return few_recordings(TASKS.get(name), source)


@EVERY_SOURCE
def test_splits_are_disjoint_and_folds_score_each_recording_once(name: str, source: str) -> None:
    check_splits(TASKS.get(name), source)


@pytest.mark.data
@pytest.mark.parametrize("source", FOLDERS)
def test_recorded_sources_have_validation_recordings(source: str) -> None:
    (task,) = (task for task in TASKS.tasks.values() if source in task.sources)
    root = recorded(FOLDERS[source])
    for split in (task.sources[source].default_split, "train_cv"):
        if split in task.sources[source].splits:
            check_parts(task, source, split=split, data_root=root)


@EVERY_SOURCE
def test_recordings_are_finite_and_their_labels_are_near_their_frames(name: str, source: str) -> None:
    check_recordings(_few(name, source))


@EVERY_SOURCE
def test_a_perfect_estimate_scores_1_and_an_empty_one_0(name: str, source: str) -> None:
    check_scores(TASKS.get(name), _few(name, source))


@EVERY_SOURCE
def test_f1_is_that_of_the_counts_of_each_recording(name: str, source: str) -> None:
    task, data = TASKS.get(name), _few(name, source)
    check_counts(task, replace(data, test=(*data.test, *data.train)))


@EVERY_SOURCE
def test_loading_twice_returns_the_same_data(name: str, source: str, tmp_path: Path) -> None:
    task = TASKS.get(name)
    first = task.source(source).split(request_of(task, source), None).train[0]
    found = [task.source(source).scan(None, names=[first], seed=0).recordings[0].reference for _ in range(2)]
    assert found[0] == found[1]


@EVERY_SOURCE
def test_label_noise_moves_training_labels_and_nothing_else(name: str, source: str) -> None:
    data = _few(name, source)
    before = [(r.reference, r.label) for r in (*data.train, *data.test)]
    config = short_config(TASKS.get(name), source)
    scale_s = 4 * max(data.hop_s, TASKS.get(name).tolerance_s)
    noisy = misaligned(
        data.train[0].label, noise=config.noise, scale_s=scale_s, seed=0, replicate=0,
        recording=data.train[0].name, options=dict(config.noise_options),
    )  # fmt: skip
    assert noisy != data.train[0].label
    run_trial(replace(config, label_noise_s=scale_s, iterations=1), data)
    assert before == [(r.reference, r.label) for r in (*data.train, *data.test)]


@cache
def _short_training(name: str, source: str) -> TrialResult:
    # Excerpts are whole recordings, because the loss of a short one depends on whether it has events.
    return run_trial(short_config(TASKS.get(name), source, excerpt_s=1e3), _few(name, source))


@EVERY_SOURCE
def test_a_short_training_lowers_the_loss(name: str, source: str) -> None:
    losses = [point.loss for point in _short_training(name, source).history]
    assert np.mean(losses[-3:]) < np.mean(losses[:3])


@EVERY_SOURCE
def test_a_repeated_trial_is_equal_bit_for_bit(name: str, source: str) -> None:
    config = short_config(TASKS.get(name), source, iterations=2)
    one, two = (run_trial(config, _few(name, source)) for _ in range(2))
    assert one.events == two.events
    assert [point.loss for point in one.history] == [point.loss for point in two.history]


def test_every_task_has_a_source_that_needs_no_data() -> None:
    # Tests of the sweeps register a simulated task.
    assert {name for name, _ in WITHOUT_DATA_ROOT} == set(TASKS.tasks) - {"simulated"}
