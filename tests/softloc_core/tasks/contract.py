"""What holds for every task and for the data of every source, as checks that any task can be put through."""

import dataclasses
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest

from softloc_core.decoding import AUTO_DECODING, DECODERS
from softloc_core.events import EventList, SegmentList
from softloc_core.tasks import DataRequest, Task, TaskData
from softloc_core.tasks.base import SourceTask, SplitNames
from softloc_core.tasks.base.contract import TIME_UNITS
from softloc_core.trial import TrialConfig

__all__ = [
    "check_counts",
    "check_defaults",
    "check_parts",
    "check_protocol",
    "check_recordings",
    "check_scores",
    "check_sources",
    "check_splits",
    "few_recordings",
    "request_of",
    "short_config",
]

# A study names the data, the split follows from the source, and the rest is what a study varies.
NAMED_BY_THE_STUDY = {
    "data": "any",
    "split": "any",
    "loss": "softloc",
    "seed": 0,
    "replicate": 0,
    "noise_draw": 0,
    "threads": 1,
}


def check_protocol(task: Task) -> None:
    assert isinstance(task, Task)
    assert task.tolerance_s > 0 and task.channel_names and task.sources
    assert task.score_name and task.time_unit in TIME_UNITS and task.version >= 1
    assert task.networks and set(task.auto_decoding) == set(AUTO_DECODING)
    assert set(task.auto_decoding.values()) <= set(DECODERS)


def check_defaults(task: Task) -> None:
    for network in task.networks:
        defaults = task.defaults(network)
        assert set(defaults) | set(NAMED_BY_THE_STUDY) == {
            field.name for field in dataclasses.fields(TrialConfig)
        }
        config = TrialConfig(**{**defaults, **NAMED_BY_THE_STUDY})
        assert (config.task, config.network) == (task.name, network)
        assert config.tolerance_s == task.tolerance_s


def check_sources(task: Task) -> None:
    for name, info in task.sources.items():
        assert (info.name, info.default_split) == (name, next(iter(info.splits)))
        assert info.description
        assert all(n_folds >= 1 for n_folds in info.splits.values())
        assert bool(info.licence and info.homepage) == info.needs_data_root


def request_of(task: Task, source: str, *, split: str | None = None, fold: int = 0) -> DataRequest:
    features = task.defaults(next(iter(task.networks)))["features"]
    info = task.sources[source]
    return DataRequest(task.name, source, split or info.default_split, fold, features, seed=0)


def few_recordings(task: SourceTask[Any], source: str) -> TaskData:
    """Load two recordings to train on, one to validate and one to score, of the default split."""
    request, own = request_of(task, source), task.source(source)
    whole = own.split(request, None)
    with pytest.MonkeyPatch.context() as patch, TemporaryDirectory() as folder:
        patch.setattr(
            own, "split", lambda *_: SplitNames(whole.train[:2], whole.validation[:1], whole.test[:1])
        )
        data = task.load(request, data_root=None, cache_dir=Path(folder))
        recordings = {
            part: tuple(replace(r, features=np.array(r.features)) for r in getattr(data, part))
            for part in ("train", "validation", "test")
        }
    return replace(data, **recordings)


def short_config(task: Task, source: str, **fields: object) -> TrialConfig:
    """Return the default configuration, cut down to a training of seconds."""
    defaults = task.defaults(next(iter(task.networks)))
    split = task.sources[source].default_split
    named = {**NAMED_BY_THE_STUDY, "data": source, "split": split}
    loss = "cross_entropy" if defaults["loss_options"] else "softloc"
    short = {"iterations": 12, "loss": loss, "batch_size": 2, "weight_averaging": 0.0}
    return TrialConfig(**{**defaults, **named, **short, **fields})


def check_splits(task: SourceTask[Any], source: str) -> None:
    """Check the parts of every split and that its folds score no recording twice."""
    for split, n_folds in task.sources[source].splits.items():
        scored: list[str] = []
        for fold in range(n_folds):
            scored += check_parts(task, source, split=split, fold=fold).test
        if n_folds > 1:
            assert len(set(scored)) == len(scored)


def check_parts(
    task: SourceTask[Any], source: str, *, split: str, fold: int = 0, data_root: Path | None = None
) -> SplitNames:
    """Check that the parts of a split are disjoint. The default split and `train_cv` must validate."""
    request = request_of(task, source, split=split, fold=fold)
    names = task.source(source).split(request, data_root)
    assert names.train and names.test
    if split in ("train_cv", task.sources[source].default_split):
        assert names.validation
    parts = (*names.train, *names.validation, *names.test)
    assert len(set(parts)) == len(parts)
    return names


def check_recordings(data: TaskData) -> None:
    """Check that features are finite and that every event is within half a hop of its frame."""
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


def check_scores(task: Task, data: TaskData) -> None:
    """Check that a perfect estimate scores 1 and an empty one 0."""
    perfect = task.score(data, {r.name: r.reference for r in data.test}, tolerance_s=task.tolerance_s)
    assert perfect.f1 == pytest.approx(1.0)
    nothing = {r.name: EventList([], [], r.reference.duration_s) for r in data.test}
    assert task.score(data, nothing, tolerance_s=task.tolerance_s).f1 == 0


def check_counts(task: Task, data: TaskData) -> None:
    """Check that the counts of each recording give F1, for estimates of every quality."""
    rng = np.random.default_rng(0)
    for miss_rate, extra, spread_s in ((0.0, 0, 0.0), (0.3, 2, 0.5), (0.2, 0, 1.0), (0.6, 9, 2.0)):
        events = {
            r.name: _perturbed(r.reference, rng, miss_rate, extra, spread_s * task.tolerance_s)
            for r in data.test
        }
        scores = task.score(data, events, tolerance_s=task.tolerance_s)
        assert scores.counts.shape == (len(data.test), len(data.channel_names), 3)
        pooled = scores.counts.sum(axis=(0, 1)).tolist()
        assert pooled == [scores.n_reference, scores.n_estimated, scores.n_matched]
        assert scores.f1 == pytest.approx(2 * pooled[2] / (pooled[0] + pooled[1]))
        for recording, row in zip(data.test, scores.counts, strict=True):
            alone = task.score(replace(data, test=(recording,)), events, tolerance_s=task.tolerance_s)
            assert alone.counts[0].tolist() == row.tolist()


def _perturbed(
    reference: EventList, rng: np.random.Generator, miss_rate: float, extra: int, spread_s: float
) -> EventList:
    """Return moved events, some of them missing, and others at random times."""
    kept = rng.random(len(reference)) >= miss_rate
    time_s = reference.time_s[kept] + spread_s * rng.standard_normal(kept.sum())
    time_s = np.concatenate([time_s, rng.random(extra) * reference.duration_s])
    channel = np.concatenate([reference.channel[kept], rng.choice(reference.channel, extra)])
    return EventList(np.clip(time_s, 0, reference.duration_s), channel, reference.duration_s)
