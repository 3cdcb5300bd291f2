"""A study as a value: what its file says, checked and with places for messages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import yaml

from softloc_core.errors import ConfigError
from sweeps.designs import Parameter
from sweeps.study.fields import write_value
from sweeps.study.objectives import F1, Objective
from sweeps.study.units import Duration

if TYPE_CHECKING:
    from sweeps.study.checkpoint_rule import CheckpointRule
    from sweeps.study.early_stopping import EarlyStopping

__all__ = ["Resources", "Study"]


@dataclass(frozen=True)
class Resources:
    """What one trial takes.

    Attributes:
        cpus: Cores, > 0.
        gpus: GPUs, >= 0; a fraction shares one.
    """

    cpus: float = 1.0
    gpus: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Study:
    """A study as written, checked as far as it can be without its data.

    Attributes:
        name: Names the study and its folder.
        description: One line for `softloc studies`.
        sources: The data source of each task, in the order in which the study names them.
        trials: Number of trainings in all; None for a grid or a list, whose points decide.
        design: One of `DESIGNS`.
        seed: Seeds the design and the label noise.
        replicates: How often each design point is run.
        space: Varied fields by key; a dotted key is one option of a field.
        points: Of an explicit design, fields by key each.
        objectives: What the study looks for; a design that learns learns from these.
        fixed: Given fields by key, for every point that does not give them; what neither gives comes from
            the task's defaults.
        design_options: The design's own options, see `sweeps.designs.DESIGN_OPTIONS`.
        resources: What one trial takes.
        time_limit: Longest time a trial may take, or None.
        retries: How often a trial is started again after its worker died.
        stop_early: Which trials are stopped before their end, or None.
        checkpoint: How often trials under way are saved, or None.
        keep_weights: Whether the weights of completed trials are kept.
        places: Where each key was written, for messages.
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
    fixed: Mapping[str, Any] = field(default_factory=dict)
    design_options: Mapping[str, Any] = field(default_factory=dict)
    resources: Resources = field(default_factory=Resources)
    time_limit: Duration | None = None
    retries: int = 2
    stop_early: EarlyStopping | None = None
    checkpoint: CheckpointRule | None = None
    keep_weights: bool = False
    places: Mapping[str, str] = field(default_factory=dict, compare=False, repr=False)

    @property
    def task(self) -> str:
        """The task, of a study that has one."""
        [task] = self.sources
        return task

    @property
    def data(self) -> str:
        """The task's data source, of a study that has one task."""
        return self.sources[self.task]

    def parts(self) -> tuple[Study, ...]:
        """The study of each task alone, every one with its share of the trials.

        Raises:
            ConfigError: A number of trials that the tasks do not divide.
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
        """The study as plain YAML values; `study_from_yaml` reads it back equal."""
        is_one = len(self.sources) == 1
        spec: dict[str, Any] = {"name": self.name, "description": self.description}
        spec |= {"task": self.task if is_one else list(self.sources)}
        spec |= {"data": self.data if is_one else dict(self.sources)}
        spec |= {"design": self.design, "seed": self.seed, "replicates": self.replicates}
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
        return spec | ({"keep_weights": True} if self.keep_weights else {})

    def values(self, key: str) -> list[tuple[Any, str]]:
        """Every value that the study gives to a field, with the key it stands under."""
        listed = [(self.fixed[key], f"fixed.{key}")] if key in self.fixed else []
        if key in self.space:
            listed += [(value, f"space.{key}") for value in self.space[key].values]
        return listed + [(point[key], "points") for point in self.points if key in point]

    def to_yaml(self) -> str:
        """The text of a study file."""
        return str(yaml.safe_dump(self.spec(), sort_keys=False, allow_unicode=True))
