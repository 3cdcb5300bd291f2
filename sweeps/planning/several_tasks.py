"""Studies of several tasks: the same design for each, every task with its own units and defaults."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

from softloc_core.tasks import DataRequest, TaskData
from softloc_core.trial import TrialConfig
from sweeps.designs import Design
from sweeps.planning.planner import PlannedTrial, Planner
from sweeps.study import Study

__all__ = ["TasksPlanner", "make_planner"]


class TasksPlanner(Planner):
    """The trials of a study of several tasks: one planner for each, which draw the same points.

    Frames and tolerances are the task's own, so that `2tol` is as hard for every task. The tasks' trials take
    turns, so that a study that is stopped early holds some of each.
    """

    def __init__(self, study: Study, data: Mapping[DataRequest, TaskData]) -> None:
        """Resolve the study for each of its tasks.

        Raises:
            ConfigError: What no task's part of the study can be.
        """
        self.study = study
        self._planners = {
            part.task: Planner(
                part, {request: one for request, one in data.items() if request.task == part.task}
            )
            for part in study.parts()
        }
        first = next(iter(self._planners.values()))
        self.n_points = first.n_points
        self.runs_a_point = first.runs_a_point * len(self._planners)

    def design(self) -> Design:
        """The design of the first task, which is every task's but for the units."""
        return next(iter(self._planners.values())).design()

    def trials(self, point: Mapping[str, Any]) -> list[PlannedTrial]:
        """Not to be had: a point's durations are another's in each task."""
        raise ValueError("the trials of one point of a study of several tasks are not asked for")

    def all_trials(self) -> list[PlannedTrial]:
        """All trials of every task, the tasks taking turns."""
        turns = itertools.zip_longest(*(planner.all_trials() for planner in self._planners.values()))
        return [trial for turn in turns for trial in turn if trial is not None]

    def ranges(self) -> dict[str, tuple[float, float]]:
        """Ends of the varied ranges by key over all tasks, durations in seconds."""
        found: dict[str, tuple[float, float]] = {}
        for planner in self._planners.values():
            for key, (low, high) in planner.ranges().items():
                known_low, known_high = found.get(key, (low, high))
                found[key] = (min(low, known_low), max(high, known_high))
        return found

    def written_defaults(self) -> dict[str, Any]:
        """Nothing: defaults differ between tasks."""
        return {}

    def data_of(self, config: TrialConfig) -> TaskData:
        """The data a trial reads."""
        return self._planners[config.task].data_of(config)


def make_planner(study: Study, data: Mapping[DataRequest, TaskData]) -> Planner:
    """The planner that suits a study's number of tasks.

    Raises:
        ConfigError: What the study cannot be with its data.
    """
    return Planner(study, data) if len(study.sources) == 1 else TasksPlanner(study, data)
