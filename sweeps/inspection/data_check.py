"""Checking the data of a source, and describing it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from softloc_core.errors import ConfigError, DataError
from softloc_core.tasks import TASKS, Recording, TaskData, check_source
from sweeps.planning import load_data
from sweeps.study import Study

__all__ = ["check_data"]


def check_data(
    task: str, source: str, *, data_root: Path | None, split: str | None, cache_dir: Path
) -> Iterator[str]:
    """Check the recordings of a source, load them as a study would, and yield lines that describe them.

    Args:
        task: Name of the task.
        source: Name of its data source.
        data_root: Folder of recorded data, if the source needs one.
        split: Name of a split, or None for the default of the source.
        cache_dir: Folder for cached features.

    Raises:
        ConfigError: The task, source or split is unknown.
        DataError: The data cannot be used. The message has one line for each problem, with file and line.
    """
    known = TASKS.get(task)
    if source not in known.sources:
        raise ConfigError(f"`data` must be one of {', '.join(known.sources)}, but got {source}")
    report = check_source(known, source, data_root=data_root)
    if report.problems:
        lines = "\n  ".join(report.problems)
        raise DataError(f"{task}, {source}: every recording must be usable, but got\n  {lines}")
    fixed = {} if split is None else {"split": split}
    study = Study(name="check", sources={task: source}, design="grid", fixed=fixed)
    for loaded in load_data(study, data_root=data_root, cache_dir=cache_dir).values():
        yield f"{task}, {source}: all recordings can be read; fingerprint {loaded.fingerprint[:16]}"
        for part in ("train", "validation", "test"):
            yield _part_text(part, getattr(loaded, part), loaded)


def _part_text(part: str, recordings: tuple[Recording, ...], data: TaskData) -> str:
    """Return a line that describes one part of the split."""
    minutes = sum(recording.reference.duration_s for recording in recordings) / 60
    counts = [
        f"{name} {sum(len(recording.reference.channel_time_s(channel)) for recording in recordings)}"
        for channel, name in enumerate(data.channel_names)
    ]
    return f"  {part}: {len(recordings)} recordings, {minutes:.1f} min; events: {', '.join(counts)}"
