"""What holds for the data of every task: each source that needs no data, cut down to a few recordings."""

from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest

from softloc_core.events import EventList, SegmentList
from softloc_core.label_noise import misaligned
from softloc_core.tasks import TASKS, DataRequest, TaskData
from softloc_core.tasks.base.sources import SplitNames
from softloc_core.trial.run import TrialConfig, TrialResult, run_trial

EMBEDDED = [
    (name, source)
    for name, task in TASKS.tasks.items()
    for source, info in task.sources.items()
    if not info.needs_data_root
]
EVERY_SOURCE = pytest.mark.parametrize(("name", "source"), EMBEDDED, ids=lambda value: value)


def _request(name: str, source: str, *, split: str | None = None, fold: int = 0) -> DataRequest:
    task = TASKS.get(name)
    features = task.defaults(next(iter(task.networks)))["features"]
    info = task.sources[source]
    return DataRequest(name, source, split or info.default_split, fold, features, seed=0)


@cache
def _few(name: str, source: str) -> TaskData:
    """Two recordings to train on and one to score, of the default split."""
    task, request = TASKS.get(name), _request(name, source)
    own = task._sources[source]
    whole = own.split(request, None)
    with pytest.MonkeyPatch.context() as patch, TemporaryDirectory() as folder:
        patch.setattr(own, "split", lambda *_: SplitNames(whole.train[:2], (), whole.test[:1]))
        data = task.load(request, data_root=None, cache_dir=Path(folder))
        recordings = {
            part: tuple(replace(r, features=np.array(r.features)) for r in getattr(data, part))
            for part in ("train", "test")
        }
    return replace(data, **recordings)


def _config(name: str, source: str, **fields: object) -> TrialConfig:
    task = TASKS.get(name)
    defaults = task.defaults(next(iter(task.networks)))
    named = {"data": source, "split": task.sources[source].default_split, "seed": 0, "replicate": 0}
    loss = "cross_entropy" if defaults["loss_options"] else "softloc"
    short = {"iterations": 12, "loss": loss, "batch_size": 2, "weight_averaging": 0.0}
    return TrialConfig(**{**defaults, **named, **short, **fields})


@EVERY_SOURCE
def test_splits_are_disjoint_and_folds_score_each_recording_once(name: str, source: str) -> None:
    for split, n_folds in TASKS.get(name).sources[source].splits.items():
        scored: list[str] = []
        for fold in range(n_folds):
            names = (
                TASKS.get(name)._sources[source].split(_request(name, source, split=split, fold=fold), None)
            )
            assert names.train and names.test
            parts = (*names.train, *names.validation, *names.test)
            assert len(set(parts)) == len(parts)
            scored += names.test
        if n_folds > 1:
            assert len(set(scored)) == len(scored)


@EVERY_SOURCE
def test_recordings_are_finite_and_their_labels_find_their_frames(name: str, source: str) -> None:
    data = _few(name, source)
    for recording in (*data.train, *data.test):
        assert recording.features.dtype == np.float32 and recording.features.ndim >= 2
        assert np.isfinite(recording.features).all()
        assert recording.hop_s == data.hop_s
        assert len(recording.reference) > 0
        assert int(recording.reference.channel.max()) < len(data.channel_names)
        back_s = recording.grid.to_seconds(recording.grid.to_frames(recording.reference.time_s))
        last_s = recording.grid.to_seconds(recording.grid.n_frames - 1)
        inner = recording.reference.time_s <= last_s
        assert np.abs(back_s - recording.reference.time_s)[inner].max() <= data.hop_s / 2 + 1e-9
        label = recording.grid.label(recording.label, n_channels=len(data.channel_names), collision="add")
        segments = isinstance(recording.label, SegmentList)
        assert label.sum() == (recording.grid.n_frames if segments else len(recording.label))


@EVERY_SOURCE
def test_a_perfect_estimate_scores_1_and_an_empty_one_0(name: str, source: str) -> None:
    task, data = TASKS.get(name), _few(name, source)
    perfect = task.score(data, {r.name: r.reference for r in data.test}, tolerance_s=task.tolerance_s)
    assert perfect.f1 == pytest.approx(1.0)
    nothing = {r.name: EventList([], [], r.reference.duration_s) for r in data.test}
    assert task.score(data, nothing, tolerance_s=task.tolerance_s).f1 == 0


@EVERY_SOURCE
def test_loading_again_gives_the_same_data(name: str, source: str, tmp_path: Path) -> None:
    source_of_task = TASKS.get(name)._sources[source]
    first = source_of_task.split(_request(name, source), None).train[0]
    found = [source_of_task.scan(None, names=[first], seed=0).recordings[0].reference for _ in range(2)]
    assert found[0] == found[1]


@EVERY_SOURCE
def test_noise_moves_training_labels_and_nothing_else(name: str, source: str) -> None:
    data = _few(name, source)
    before = [(r.reference, r.label) for r in (*data.train, *data.test)]
    config = _config(name, source)
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
    return run_trial(_config(name, source), _few(name, source))


@EVERY_SOURCE
def test_a_short_training_lowers_the_loss(name: str, source: str) -> None:
    losses = [point.loss for point in _short_training(name, source).history]
    assert np.mean(losses[-3:]) < np.mean(losses[:3])


@EVERY_SOURCE
def test_a_trial_repeats_bit_for_bit(name: str, source: str) -> None:
    config = _config(name, source, iterations=2)
    one, two = (run_trial(config, _few(name, source)) for _ in range(2))
    assert one.events == two.events
    assert [point.loss for point in one.history] == [point.loss for point in two.history]


def test_every_task_runs_with_no_data_at_all() -> None:
    # Tests of the sweeps register a task of their own.
    assert {name for name, _ in EMBEDDED} == set(TASKS.tasks) - {"simulated"}
