"""Where recorded data lies: one folder, or one for each task."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from softloc_core.errors import ConfigError
from softloc_core.tasks import TASKS

__all__ = ["DataRoots", "parse_data_roots"]


@dataclass(frozen=True)
class DataRoots:
    """Folders of recorded data.

    Attributes:
        common: Of every task without a folder of its own; None where there is none.
        own: By task.
    """

    common: Path | None = None
    own: Mapping[str, Path] = field(default_factory=dict)

    def of(self, task: str) -> Path | None:
        """The folder of a task's data, or None."""
        return self.own.get(task, self.common)

    def validate(self, sources: Mapping[str, str]) -> None:
        """Refuse folders that are none, that no task reads, or that are wanted and were not given.

        Args:
            sources: The data source of each task that is read.

        Raises:
            ConfigError: What must hold, and what came.
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
    """The folders that `--data-root` gives: `DIR`, or `TASK=DIR` for one task; it may be given again.

    Raises:
        ConfigError: A task, or the common folder, given twice.
    """
    pairs = [_pair(text) for text in given or ()]
    twice = _first_repeated(task for task, _ in pairs)
    if twice is not None:
        what = f"{twice}=DIR" if twice else "DIR"
        raise ConfigError(f"--data-root must be given once for each task, but got {what} twice")
    folders = {task: Path(folder) for task, folder in pairs}
    return DataRoots(folders.pop("", None), folders)


def _pair(text: str) -> tuple[str, str]:
    """A task, empty for all, and its folder; a folder's name may itself hold an equals sign."""
    task, found, folder = text.partition("=")
    return (task, folder) if found and task in TASKS.tasks else ("", text)


def _first_repeated(names: Iterable[str]) -> str | None:
    """The first name that came before, or None."""
    seen: set[str] = set()
    for name in names:
        if name in seen:
            return name
        seen.add(name)
    return None
