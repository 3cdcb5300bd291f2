"""The data that a study reads: its folders, its requests, and the task's defaults."""

from __future__ import annotations

import itertools
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from softloc_core.errors import ConfigError
from softloc_core.tasks import TASKS, DataRequest, TaskData
from sweeps.designs import Parameter
from sweeps.study import Study

__all__ = [
    "DataRoots",
    "data_requests",
    "feature_cache_dir",
    "load_data",
    "parse_data_roots",
    "require_scored_recordings",
    "task_defaults",
]

_DATA_KEYS = ("split", "fold", "features", "network")


@dataclass(frozen=True)
class DataRoots:
    """Folders of recorded data.

    Attributes:
        common: Folder for every task that has no folder in `own`, or None.
        own: Folders for single tasks, by task.
    """

    common: Path | None = None
    own: Mapping[str, Path] = field(default_factory=dict)

    def of(self, task: str) -> Path | None:
        """Return the folder of a task's data, or None."""
        return self.own.get(task, self.common)

    def validate(self, sources: Mapping[str, str]) -> None:
        """Raise if a folder does not exist, belongs to no task of the study, or is missing.

        Args:
            sources: The data source of each task that is read.

        Raises:
            ConfigError: A folder is wrong or missing; the message says which.
        """
        for folder in filter(None, (self.common, *self.own.values())):
            if not folder.is_dir():
                raise ConfigError(f"--data-root must be a folder, but got {folder}")
        for task in self.own:
            if task not in sources:
                raise ConfigError(
                    f"--data-root must name a task of the study, {', '.join(sources)}, but got {task}"
                )
        for task, name in sources.items():
            source = TASKS.get(task).sources[name]
            if source.needs_data_root and self.of(task) is None:
                form = "DIR" if len(sources) == 1 else f"{task}=DIR"
                hint = f" (get it from {source.homepage})" if source.homepage else ""
                raise ConfigError(
                    f"the data source {name} must be given with --data-root {form}, but none came{hint}"
                )


def parse_data_roots(given: Sequence[str] | None) -> DataRoots:
    """Return the folders that the values of `--data-root` name, each `DIR` or `TASK=DIR`.

    Raises:
        ConfigError: Two folders for the same task, or two common folders.
    """
    pairs = [_pair(text) for text in given or ()]
    for task, count in Counter(task for task, _ in pairs).items():
        if count > 1:
            what = f"{task}=DIR" if task else "DIR"
            raise ConfigError(f"--data-root must be given once for each task, but got {what} twice")
    folders = {task: Path(folder) for task, folder in pairs}
    return DataRoots(folders.pop("", None), folders)


def _pair(text: str) -> tuple[str, str]:
    """Split a value into task and folder; the task is empty for a common folder.

    A folder's name may contain an equals sign, so only a registered task before it counts.
    """
    task, found, folder = text.partition("=")
    return (task, folder) if found and task in TASKS.tasks else ("", text)


def feature_cache_dir() -> Path:
    """Return the folder where features are cached: `SOFTLOC_CACHE`, or `~/.cache/softloc`."""
    return Path(os.environ.get("SOFTLOC_CACHE", "~/.cache/softloc")).expanduser()


def load_data(
    study: Study, *, data_root: DataRoots | Path | None, cache_dir: Path
) -> dict[DataRequest, TaskData]:
    """Load and check all data that a study reads, with features, once for each distinct request.

    Args:
        study: The study.
        data_root: Folder of the recorded data, or the folders of several tasks.
        cache_dir: Folder where features are cached.

    Raises:
        DataError: The data is missing or cannot be used; the message names the file and the line.
        ConfigError: A split, fold or front end does not exist, or a data root is missing.
    """
    roots = data_root if isinstance(data_root, DataRoots) else DataRoots(data_root)
    roots.validate(study.sources)
    return {
        request: TASKS.get(part.task).load(request, data_root=roots.of(part.task), cache_dir=cache_dir)
        for part in study.parts()
        for request in data_requests(part)
    }


def data_requests(study: Study) -> Iterator[DataRequest]:
    """Yield every distinct request that a trial of a study with one task may make."""
    varied = {key: _levels(study.space[key]) for key in _DATA_KEYS if key in study.space}
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


def _levels(parameter: Parameter) -> tuple[Any, ...]:
    """Return every value of a list or of a range of whole numbers."""
    return Parameter(parameter.kind, parameter.values).levels()


def task_defaults(study: Study, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the task's defaults, by TrialConfig's field names.

    Args:
        study: The study, with one task.
        given: Fields by key. The defaults depend on the network.
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
