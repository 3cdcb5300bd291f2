"""The data that a study reads, and what its task gives where the study says nothing."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from softloc_core.errors import ConfigError
from softloc_core.tasks import TASKS, DataRequest, TaskData
from sweeps.designs import Parameter
from sweeps.planning.data_roots import DataRoots
from sweeps.study import Study

__all__ = ["data_requests", "load_data", "require_scored_recordings", "task_defaults"]

_DATA_KEYS = ("split", "fold", "features", "network")


def load_data(
    study: Study, *, data_root: DataRoots | Path | None, cache_dir: Path
) -> dict[DataRequest, TaskData]:
    """All data that a study reads, checked and with features; one load for each distinct request.

    Args:
        study: The study.
        data_root: Folder of the recorded data, or those of several tasks.
        cache_dir: Where features are kept.

    Raises:
        DataError: Data that is absent or cannot be used; the message names the file and the line.
        ConfigError: A split, fold or front end that does not exist, or a data root that is wanted.
    """
    roots = data_root if isinstance(data_root, DataRoots) else DataRoots(data_root)
    roots.validate(study.sources)
    return {
        request: TASKS.get(part.task).load(request, data_root=roots.of(part.task), cache_dir=cache_dir)
        for part in study.parts()
        for request in data_requests(part)
    }


def data_requests(study: Study) -> Iterator[DataRequest]:
    """Every distinct request that a trial of a study of one task may make."""
    varied = {key: _values(study.space[key]) for key in _DATA_KEYS if key in study.space}
    listed = {tuple(point.get(key) for key in _DATA_KEYS) for point in study.points} or {
        (None,) * len(_DATA_KEYS)
    }
    seen = set()
    for point, *values in itertools.product(sorted(listed, key=repr), *varied.values()):
        own = {key: value for key, value in zip(_DATA_KEYS, point, strict=True) if value is not None}
        given = {**study.fixed, **own, **dict(zip(varied, values, strict=True))}
        defaults = task_defaults(study, given)
        request = DataRequest(
            task=study.task,
            source=study.data,
            split=given.get("split", defaults["split"]),
            fold=given.get("fold", defaults["fold"]),
            features=given.get("features", defaults["features"]),
            seed=study.seed,
        )
        if request not in seen:
            seen.add(request)
            yield request


def _values(parameter: Parameter) -> tuple[Any, ...]:
    """Every value that a list or a range of whole numbers may give."""
    return Parameter(parameter.kind, parameter.values).levels()


def task_defaults(study: Study, given: Mapping[str, Any]) -> dict[str, Any]:
    """What the task gives to fields that the study does not, by TrialConfig's names.

    Args:
        study: The study, of one task.
        given: Fields by key; the network decides over defaults.
    """
    task = TASKS.get(study.task)
    defaults = {"split": task.sources[study.data].default_split, "fold": 0}
    return {**defaults, **task.defaults(str(given.get("network", next(iter(task.networks)))))}


def require_scored_recordings(study: Study, data: Mapping[DataRequest, TaskData]) -> None:
    """Raise if early stopping scores validation recordings and the data have none.

    Raises:
        ConfigError: There are no validation recordings. The message names the alternatives.
    """
    if study.stop_early is None or study.stop_early.score_on != "validation":
        return
    if all(loaded.validation for loaded in data.values()):
        return
    place = study.places.get("stop_early", study.name)
    raise ConfigError(
        f"`stop_early` needs validation recordings to score, but {study.task} on {study.data} has none in "
        f"{place}: choose another split, or set `score_on: training` (scores against the noisy labels) or "
        "`score_on: test` (stops trials by the same scores that the study reports)"
    )
