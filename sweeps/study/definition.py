"""The study as a value: the checked content of a study file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import yaml

from softloc_core.errors import ConfigError
from sweeps.designs import SPREAD_DESIGNS, Parameter
from sweeps.study.checkpoint_rule import CheckpointRule
from sweeps.study.early_stopping import EarlyStopping
from sweeps.study.fields import write_value
from sweeps.study.objectives import F1, Objective
from sweeps.study.units import Duration

__all__ = ["Resources", "Study"]


@dataclass(frozen=True)
class Resources:
    """The resources that one trial reserves.

    Attributes:
        cpus: Number of CPU cores, > 0.
        gpus: Number of GPUs, >= 0. With a fraction, several trials share a GPU.
    """

    cpus: float = 1.0
    gpus: float = 0.0

    @property
    def threads(self) -> int:
        """Number of threads of a trial, >= 1: its whole cores."""
        return max(1, int(self.cpus))


@dataclass(frozen=True, kw_only=True)
class Study:
    """A study, checked as far as possible without its data.

    Attributes:
        name: Name of the study and of its folder.
        description: One line, shown by `softloc studies`.
        sources: The data source of each task, in the order of the study file.
        trials: Total number of trials; None for a grid or an explicit design, whose points determine it.
        design: Type of the design, one of `DESIGN_TYPES`.
        seed: Seed of the design and of the label noise.
        replicates: Number of trials with different seeds at each design point, >= 1.
        space: Varied fields by key. A dotted key varies one option of a field.
        points: The points of an explicit design, each with its fields by key.
        objectives: The metrics to optimize, from which a learning design learns.
        noise_draw: Which trials share a draw of label noise: `common` for all design points, `point` for the
            trials of one design point; None for the default of the design.
        fixed: Fixed fields by key. A point may override them. Fields given by neither have the task's
            defaults.
        design_options: Options of the design, see `DESIGN_OPTIONS`.
        resources: Resources that one trial reserves.
        time_limit: Longest duration of a trial, or None.
        retries: How many times a trial is restarted after its worker died, >= 0.
        stop_early: The rule that stops trials before their end, or None.
        checkpoint: How often running trials are saved, or None.
        keep_weights: Whether to store the weights of completed trials.
        keep_probabilities: Whether to store event probabilities: `yes`, `no`, or `auto` if they are small.
        places: Where each key was written, for error messages.
    """

    name: str
    sources: Mapping[str, str]
    design: str
    description: str = ""
    trials: int | None = None
    seed: int = 0
    replicates: int = 1
    space: Mapping[str, Parameter] = field(default_factory=dict)
    points: tuple[Mapping[str, Any], ...] = ()
    objectives: tuple[Objective, ...] = (F1,)
    noise_draw: str | None = None
    fixed: Mapping[str, Any] = field(default_factory=dict)
    design_options: Mapping[str, Any] = field(default_factory=dict)
    resources: Resources = field(default_factory=Resources)
    time_limit: Duration | None = None
    retries: int = 2
    stop_early: EarlyStopping | None = None
    checkpoint: CheckpointRule | None = None
    keep_weights: bool = False
    keep_probabilities: str = "auto"
    places: Mapping[str, str] = field(default_factory=dict, compare=False, repr=False)

    @property
    def task(self) -> str:
        """The task of a study with a single task."""
        [task] = self.sources
        return task

    @property
    def data(self) -> str:
        """The data source of a study with a single task."""
        return self.sources[self.task]

    @property
    def draws_by_point(self) -> bool:
        """Whether each design point has its own draw of label noise."""
        return (self.noise_draw or ("point" if self.design in SPREAD_DESIGNS else "common")) == "point"

    def parts(self) -> tuple[Study, ...]:
        """Return one study for each task, each with an equal share of the trials.

        Raises:
            ConfigError: The number of trials is not a multiple of the number of tasks.
        """
        n_tasks = len(self.sources)
        if self.trials is not None and self.trials % n_tasks:
            raise ConfigError(
                f"`trials` must be a multiple of {n_tasks}, the number of tasks, but got {self.trials} in "
                f"{self.places.get('trials', self.name)}"
            )
        share = None if self.trials is None else self.trials // n_tasks
        return tuple(
            replace(self, sources={task: source}, trials=share) for task, source in self.sources.items()
        )

    def spec(self) -> dict[str, Any]:
        """Return the study as plain YAML values, from which `study_from_yaml` restores an equal study."""
        is_one = len(self.sources) == 1
        spec: dict[str, Any] = {"name": self.name, "description": self.description}
        spec |= {"task": self.task if is_one else list(self.sources)}
        spec |= {"data": self.data if is_one else dict(self.sources)}
        spec |= {"design": self.design, "seed": self.seed, "replicates": self.replicates}
        if self.noise_draw is not None:
            spec["noise_draw"] = self.noise_draw
        if self.trials is not None:
            spec["trials"] = self.trials
        spec["space"] = {key: parameter.spec(write_value) for key, parameter in self.space.items()}
        if self.points:
            spec["points"] = [{key: write_value(value) for key, value in p.items()} for p in self.points]
        if self.objectives != (F1,):
            spec["objectives"] = {one.metric: one.direction for one in self.objectives}
        spec["fixed"] = {key: write_value(value) for key, value in self.fixed.items()}
        if self.design_options:
            spec["design_options"] = dict(self.design_options)
        spec["resources"] = {"cpus": self.resources.cpus, "gpus": self.resources.gpus}
        spec["retries"] = self.retries
        if self.time_limit is not None:
            spec["time_limit"] = str(self.time_limit)
        if self.stop_early is not None:
            spec["stop_early"] = self.stop_early.spec()
        if self.checkpoint is not None:
            spec["checkpoint"] = self.checkpoint.spec()
        if self.keep_weights:
            spec["keep_weights"] = True
        if self.keep_probabilities != "auto":
            spec["keep_probabilities"] = self.keep_probabilities
        return spec

    def values(self, key: str) -> list[tuple[Any, str]]:
        """Return every value that the study gives to a field, each with the key where it is written."""
        listed = [(self.fixed[key], f"fixed.{key}")] if key in self.fixed else []
        if key in self.space:
            listed += [(value, f"space.{key}") for value in self.space[key].values]
        return listed + [(point[key], "points") for point in self.points if key in point]

    def to_yaml(self) -> str:
        """Return the text of a study file for this study."""
        return str(yaml.safe_dump(self.spec(), sort_keys=False, allow_unicode=True))
