"""From a study and its data to its trials: explicit configurations, each with its identity."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from softloc_core.errors import ConfigError
from softloc_core.tasks import TASKS, DataRequest, TaskData
from softloc_core.trial import TrialConfig, decoding_rule, setting_id, trial_id
from sweeps.designs import Design, GridDesign, Parameter, Point, active_part, make_design
from sweeps.planning.config_values import canonical_values, names_of, set_option, validate_names
from sweeps.planning.data import require_scored_recordings, task_defaults
from sweeps.study import (
    FIELDS,
    Located,
    Study,
    TimeBase,
    in_seconds,
    known_conditions,
    validate_range,
)

__all__ = [
    "PlannedTrial",
    "Planner",
    "SeveralTasksPlanner",
    "TaskPlanner",
    "checked_planner",
    "make_planner",
]


@dataclass(frozen=True)
class PlannedTrial:
    """A trial of a study.

    Attributes:
        trial_id: Its identity.
        setting_id: The part of the identity that the versions of its parts do not change.
        config: Its configuration.
        point: The design point it belongs to, for designs that learn.
        values: Everything that is varied in it, by key: the point's values and those of `each`.
    """

    trial_id: str
    setting_id: str
    config: TrialConfig
    point: Mapping[str, Any]
    values: Mapping[str, Any]


class Planner(Protocol):
    """Turns a study's design points into trials.

    Attributes:
        study: The study.
        data: The data of each request.
        n_points: Number of design points. Each is run `runs_a_point` times.
        runs_a_point: Trials at each design point: crossed values times replicates.
    """

    study: Study
    data: Mapping[DataRequest, TaskData]
    n_points: int
    runs_a_point: int

    @property
    def is_sequential(self) -> bool:
        """Whether later design points depend on the results of earlier ones."""
        ...

    def check(self) -> None:
        """Raise if the study contains settings that no trial can have; nothing is started or written.

        If the trials are known in advance, all of them are built. Otherwise the trials at both ends of every
        range are built, with every listed value.

        Raises:
            ConfigError: A value that no trial can have.
        """
        ...

    def all_trials(self) -> list[PlannedTrial]:
        """Return all trials of a design that does not learn; identical trials appear once."""
        ...

    def ranges(self) -> dict[str, tuple[float, float]]:
        """Return both ends of each varied range by key, durations in seconds."""
        ...

    def data_of(self, config: TrialConfig) -> TaskData:
        """Return the data that a trial reads."""
        ...


class TaskPlanner:
    """The planner of a study with one task. It also plans designs that learn, point by point."""

    def __init__(self, study: Study, data: Mapping[DataRequest, TaskData]) -> None:
        """Resolve the study's durations with its data.

        Raises:
            ConfigError: An empty range, or a number of trials that is not a multiple of `runs_a_point`.
        """
        self.study = study
        self.data = data
        self._base = TimeBase(hop_s=_hop_s(data), tolerance_s=TASKS.get(study.task).tolerance_s)
        resolved = {key: self._resolved(key, parameter) for key, parameter in study.space.items()}
        self._space = resolved
        sampled = {key: p for key, p in resolved.items() if p.kind != "each" or study.design == "grid"}
        self._crossed = {key: p for key, p in resolved.items() if key not in sampled}
        self._sampled = known_conditions(sampled, fixed=self._unvaried, crossed=self._crossed)
        crossings = 1
        for parameter in self._crossed.values():
            crossings *= len(parameter.values)
        self.runs_a_point = crossings * study.replicates
        self.n_points = self._n_points()
        self._checked: set[tuple[Any, ...]] = set()

    @property
    def is_sequential(self) -> bool:
        """Whether later design points depend on the results of earlier ones."""
        return self.design().is_sequential

    def design(self) -> Design:
        """Return the study's design in its initial state."""
        study = self.study
        options = dict(study.design_options)
        if study.design == "explicit":
            options["points"] = [
                {key: in_seconds(value, self._base) for key, value in point.items()} for point in study.points
            ]
        return make_design(
            study.design,
            self._sampled,
            seed=study.seed,
            budget=self.n_points,
            options=options,
            n_objectives=len(study.objectives),
        )

    def trials(self, point: Mapping[str, Any], *, number: int) -> list[PlannedTrial]:
        """Return the trials of one design point: every crossed combination, every replicate.

        Args:
            point: The point's values.
            number: Number of the point in the design, from 0. It determines the point's draw of label noise.

        Raises:
            ConfigError: A value that no trial can have.
        """
        planned = []
        for values in itertools.product(*(parameter.values for parameter in self._crossed.values())):
            full = self._active({**point, **dict(zip(self._crossed, values, strict=True))})
            for replicate in range(self.study.replicates):
                config = self.config(full, replicate=replicate, number=number)
                fingerprint = self.data_of(config).fingerprint
                identity = trial_id(config, data_fingerprint=fingerprint)
                setting = setting_id(config, data_fingerprint=fingerprint)
                planned.append(PlannedTrial(identity, setting, config, dict(point), full))
        return planned

    def all_trials(self) -> list[PlannedTrial]:
        """Return all trials of a design that does not learn; identical trials appear once.

        Raises:
            ValueError: The design learns, so its trials are not known in advance.
        """
        design = self.design()
        if design.is_sequential:
            raise ValueError("the trials of a design that learns are not known in advance")
        planned: dict[str, PlannedTrial] = {}
        for number in itertools.count():
            if (point := design.ask()) is None:
                break
            for trial in self.trials(point, number=number):
                planned.setdefault(trial.trial_id, trial)
        return list(planned.values())

    def check(self) -> None:
        """Raise if the study contains settings that no trial can have; see `Planner.check`."""
        if not self.is_sequential:
            self.all_trials()
            return
        for position in (0.0, 1.0 - 1e-9):
            ends = [(p.at(position),) if p.is_range else p.values for p in self._sampled.values()]
            for values in itertools.product(*ends):
                self.trials(dict(zip(self._sampled, values, strict=True)), number=0)

    def ranges(self) -> dict[str, tuple[float, float]]:
        """Return both ends of each varied range by key, durations in seconds."""
        return {key: (p.values[0], p.values[1]) for key, p in self._space.items() if p.is_range}

    def data_of(self, config: TrialConfig) -> TaskData:
        """Return the data that a trial reads."""
        return self.data[config.data_request()]

    def config(self, point: Mapping[str, Any], *, replicate: int, number: int) -> TrialConfig:
        """Return the explicit configuration of a point.

        Fields that the loss does not use get one fixed value. Trials that differ only in such fields are
        therefore identical, and run once.

        Raises:
            ConfigError: A value that no trial can have.
        """
        study = self.study
        given = {key: value for key, value in point.items() if "." not in key}
        values = task_defaults(study, {**study.fixed, **given})
        for key, value in (*study.fixed.items(), *given.items()):
            values[FIELDS[key].config_name] = in_seconds(value, self._base)
        for key, value in point.items():
            if "." in key:
                set_option(values, key, value)
        values |= {"task": study.task, "data": study.data, "seed": study.seed, "replicate": replicate}
        values["noise_draw"] = number + 1 if study.draws_by_point else 0
        values["threads"] = study.resources.threads
        try:
            config = TrialConfig(**canonical_values(values))
            if (names := names_of(config)) not in self._checked:
                self._checked.add(names)
                validate_names(config, hop_s=self._base.hop_s)
            decoding_rule(config, hop_s=self._base.hop_s).require_validation(self.data_of(config))
        except ConfigError as error:
            raise ConfigError(f"{error} in the study {study.name}") from error
        return config

    def _n_points(self) -> int:
        """Return the number of design points.

        Raises:
            ConfigError: The study's `trials` does not fit its points.
        """
        study = self.study
        place = study.places.get("trials", study.name)
        if study.design in ("grid", "explicit"):
            is_grid = study.design == "grid"
            points = len(
                GridDesign(self._sampled, seed=study.seed, budget=0).points if is_grid else study.points
            )
            if study.trials not in (None, points * self.runs_a_point):
                raise ConfigError(
                    f"`trials` of this {'grid' if is_grid else 'list of points'} must be "
                    f"{points * self.runs_a_point} or be left out, but got {study.trials} in {place}"
                )
            return points
        assert study.trials is not None  # study_from_yaml requires it
        if study.trials % self.runs_a_point:
            raise ConfigError(
                f"`trials` must be a multiple of {self.runs_a_point} "
                f"(replicates times the values under each), but got {study.trials} in {place}"
            )
        return study.trials // self.runs_a_point

    def _unvaried(self, key: str) -> Any:
        """Return the value of a field that is not varied, as a study holds it; None if it is not known."""
        if key in self.study.fixed:
            return self.study.fixed[key]
        if "network" in self.study.space:
            return None
        value = task_defaults(self.study, self.study.fixed).get(FIELDS[key].config_name)
        return value.spec() if FIELDS[key].kind == "schedule" and value is not None else value

    def _active(self, full: dict[str, Any]) -> Point:
        """Return the values of one combination without those whose `when` does not hold."""
        if not any(parameter.when for parameter in self._space.values()):
            return full
        listed = {key: value for key, value in full.items() if key not in self._space}
        return {**listed, **active_part(self._space, full)}

    def _resolved(self, key: str, parameter: Parameter) -> Parameter:
        """Return a parameter in plain numbers, after checking its range."""
        resolved = parameter.mapped(lambda value: in_seconds(value, self._base))
        written = [str(value) for value in parameter.values]
        place = self.study.places.get(f"space.{key}", self.study.name)
        validate_range(resolved, Located(f"[{', '.join(written)}]", f"space.{key}", place))
        return resolved


def _hop_s(data: Mapping[DataRequest, TaskData]) -> float:
    """Return the hop that all data of a study shares, in seconds."""
    hops = sorted({loaded.hop_s for loaded in data.values()})
    if len(hops) != 1:
        raise ConfigError(
            f"a study's front ends must share one hop, but got {', '.join(f'{hop:g} s' for hop in hops)}"
        )
    return hops[0]


class SeveralTasksPlanner:
    """The planner of a study with several tasks: one planner for each task, all with the same points.

    Each task has its own frames and tolerance, so `2tol` is equally hard for every task. The tasks take
    turns, so a study that is stopped early holds trials of each. The design never learns.
    """

    is_sequential = False

    def __init__(self, study: Study, data: Mapping[DataRequest, TaskData]) -> None:
        """Resolve the study for each of its tasks.

        Raises:
            ConfigError: The study does not fit one of its tasks.
        """
        self.study = study
        self.data = data
        self._planners = {
            part.task: TaskPlanner(
                part, {request: one for request, one in data.items() if request.task == part.task}
            )
            for part in study.parts()
        }
        first = next(iter(self._planners.values()))
        self.n_points = first.n_points
        self.runs_a_point = first.runs_a_point * len(self._planners)

    def check(self) -> None:
        """Raise if the study contains settings that no trial can have; see `Planner.check`."""
        for planner in self._planners.values():
            planner.check()

    def all_trials(self) -> list[PlannedTrial]:
        """Return all trials of every task, the tasks taking turns."""
        turns = itertools.zip_longest(*(planner.all_trials() for planner in self._planners.values()))
        return [trial for turn in turns for trial in turn if trial is not None]

    def ranges(self) -> dict[str, tuple[float, float]]:
        """Return both ends of each varied range over all tasks by key, durations in seconds."""
        found: dict[str, tuple[float, float]] = {}
        for planner in self._planners.values():
            for key, (low, high) in planner.ranges().items():
                known_low, known_high = found.get(key, (low, high))
                found[key] = (min(low, known_low), max(high, known_high))
        return found

    def data_of(self, config: TrialConfig) -> TaskData:
        """Return the data that a trial reads."""
        return self._planners[config.task].data_of(config)


def make_planner(study: Study, data: Mapping[DataRequest, TaskData]) -> Planner:
    """Return the planner for a study's number of tasks.

    Raises:
        ConfigError: The study does not fit its data.
    """
    return TaskPlanner(study, data) if len(study.sources) == 1 else SeveralTasksPlanner(study, data)


def checked_planner(study: Study, data: Mapping[DataRequest, TaskData]) -> Planner:
    """Return the planner of a study that can run with its data.

    Raises:
        ConfigError: The study does not fit its data, no trial can have one of its settings, or it scores
            reports on recordings that the data does not hold.
    """
    planner = make_planner(study, data)
    planner.check()
    require_scored_recordings(study, data)
    return planner
