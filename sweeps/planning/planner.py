"""From a study and its data to the trials it asks for: explicit configurations, each with its identity."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from softloc_core.errors import ConfigError
from softloc_core.inference import require_validation
from softloc_core.tasks import TASKS, DataRequest, TaskData
from softloc_core.trial import TrialConfig, trial_id
from sweeps.designs import Design, GridDesign, Parameter, active_part, make_design
from sweeps.planning.config_values import canonical_values, judge_names, names_of, set_option
from sweeps.planning.data import task_defaults
from sweeps.study import FIELDS, Field, Located, Study, TimeBase, in_seconds, known_conditions, validate_range

__all__ = ["PlannedTrial", "Planner"]


@dataclass(frozen=True)
class PlannedTrial:
    """A trial that a study asks for.

    Attributes:
        trial_id: Its identity.
        config: What it is.
        point: The design point it belongs to, for designs that learn.
        values: All that is varied in it by key: the point's values and those of `each`.
    """

    trial_id: str
    config: TrialConfig
    point: Mapping[str, Any]
    values: Mapping[str, Any]


class Planner:
    """Turns a study's design points into trials.

    Attributes:
        study: The study.
        n_points: Number of design points; each is run `points_per` times.
        runs_a_point: Trials that one design point gives: crossed values times replicates.
    """

    def __init__(self, study: Study, data: Mapping[DataRequest, TaskData]) -> None:
        """Resolve the study's durations against its data.

        Raises:
            ConfigError: An empty range, or a number of trials that the replicates do not divide.
        """
        self.study = study
        self._data = data
        base = TimeBase(hop_s=_hop_s(data), tolerance_s=_tolerance_s(study))
        self._base = base
        resolved = {key: _resolved(study, key, parameter, base) for key, parameter in study.space.items()}
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

    def _n_points(self) -> int:
        """Number of design points."""
        study = self.study
        if study.design in ("grid", "explicit"):
            points = len(study.points) if study.design == "explicit" else len(self._grid().points)
            if study.trials not in (None, points * self.runs_a_point):
                what = "grid" if study.design == "grid" else "list of points"
                raise ConfigError(
                    f"`trials` of this {what} must be {points * self.runs_a_point} or be left out, but got "
                    f"{study.trials} in {study.places.get('trials', study.name)}"
                )
            return points
        assert study.trials is not None  # held by study_from_yaml
        if study.trials % self.runs_a_point:
            raise ConfigError(
                f"`trials` must be a multiple of {self.runs_a_point} "
                f"(replicates times the values under each), "
                f"but got {study.trials} in {study.places.get('trials', study.name)}"
            )
        return study.trials // self.runs_a_point

    def _grid(self) -> GridDesign:
        """The points of a grid."""
        return GridDesign(self._sampled, seed=self.study.seed, budget=0)

    def _unvaried(self, key: str) -> Any:
        """The value of a field that is not varied, as a study keeps it; None where it is not known."""
        if key in self.study.fixed:
            return self.study.fixed[key]
        if "network" in self.study.space:
            return None
        value = task_defaults(self.study, self.study.fixed).get(FIELDS[key].config_name)
        return value.spec() if FIELDS[key].kind == "schedule" and value is not None else value

    def design(self) -> Design:
        """The study's design, at its beginning."""
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

    def trials(self, point: Mapping[str, Any]) -> list[PlannedTrial]:
        """The trials of one design point: every crossed combination, every replicate.

        Raises:
            ConfigError: A value that no trial can have.
        """
        planned = []
        for values in itertools.product(*(parameter.values for parameter in self._crossed.values())):
            full = self._active({**point, **dict(zip(self._crossed, values, strict=True))})
            for replicate in range(self.study.replicates):
                config = self.config(full, replicate=replicate)
                identity = trial_id(config, data_fingerprint=self.data_of(config).fingerprint)
                planned.append(PlannedTrial(identity, config, dict(point), full))
        return planned

    def ranges(self) -> dict[str, tuple[float, float]]:
        """Ends of the varied ranges by key, durations in seconds."""
        return {key: (p.values[0], p.values[1]) for key, p in self._space.items() if p.is_range}

    def _active(self, full: dict[str, Any]) -> dict[str, Any]:
        """The values of one combination without those whose `when` does not hold."""
        if not any(parameter.when for parameter in self._space.values()):
            return full
        listed = {key: value for key, value in full.items() if key not in self._space}
        return {**listed, **active_part(self._space, full)}

    def all_trials(self) -> list[PlannedTrial]:
        """All trials of a design whose points are known beforehand, identical ones once."""
        design = self.design()
        if design.is_sequential:
            raise ValueError("the trials of a design that learns are not known beforehand")
        planned: dict[str, PlannedTrial] = {}
        while (point := design.ask()) is not None:
            for trial in self.trials(point):
                planned.setdefault(trial.trial_id, trial)
        return list(planned.values())

    def check(self) -> None:
        """Refuse, before anything is started or written, what no trial of the study can be.

        All trials are built where they are known beforehand, else those at both ends of the ranges with every
        listed value.

        Raises:
            ConfigError: A value that no trial can have.
        """
        if not self.design().is_sequential:
            self.all_trials()
            return
        for position in (0.0, 1.0 - 1e-9):
            ends = [(p.at(position),) if p.is_range else p.values for p in self._sampled.values()]
            for values in itertools.product(*ends):
                self.trials(dict(zip(self._sampled, values, strict=True)))

    def written_defaults(self) -> dict[str, Any]:
        """What the task gives where the study says nothing, as a study file writes it.

        Empty where the network is varied, for the defaults differ between networks.
        """
        study = self.study
        if "network" in study.space or any("network" in point for point in study.points):
            return {}
        defaults = task_defaults(study, study.fixed)
        varied = {
            key.partition(".")[0]
            for key, parameter in study.space.items()
            if "." in key or not parameter.when
        }
        if study.points:
            listed = [{key.partition(".")[0] for key in point} for point in study.points]
            varied |= set.intersection(*listed)
        missing = [
            field for field in FIELDS.values() if field.config_name in defaults and field.key not in varied
        ]
        return {field.key: _written(field, defaults[field.config_name]) for field in missing}

    def data_of(self, config: TrialConfig) -> TaskData:
        """The data a trial reads."""
        return self._data[config.data_request()]

    def config(self, point: Mapping[str, Any], *, replicate: int) -> TrialConfig:
        """The explicit configuration of a point; fields that the loss does not use take a fixed value.

        So trials that differ only in what changes nothing are the same trial, and run once.

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
        try:
            config = TrialConfig(**canonical_values(values))
            if (names := names_of(config)) not in self._checked:
                self._checked.add(names)
                judge_names(config, hop_s=self._base.hop_s)
            require_validation(dict(config.decoding_options), self.data_of(config))
        except ConfigError as error:
            raise ConfigError(f"{error} in the study {study.name}") from error
        return config


def _written(field: Field, value: Any) -> Any:
    """A default as a study file writes it."""
    if field.kind == "duration":
        return "inf" if math.isinf(value) else f"{value!r}s"
    if field.kind == "schedule":
        return value.spec()
    return dict(value) if field.kind == "options" else value


def _hop_s(data: Mapping[DataRequest, TaskData]) -> float:
    """The hop of a study's data, which frames are counted in."""
    hops = sorted({loaded.hop_s for loaded in data.values()})
    if len(hops) != 1:
        raise ConfigError(
            f"a study's front ends must share one hop, but got {', '.join(f'{hop:g} s' for hop in hops)}"
        )
    return hops[0]


def _tolerance_s(study: Study) -> float:
    """The tolerance that `tol` counts: the task's."""
    return TASKS.get(study.task).tolerance_s


def _resolved(study: Study, key: str, parameter: Parameter, base: TimeBase) -> Parameter:
    """A parameter in plain numbers, its range checked."""
    resolved = parameter.mapped(lambda value: in_seconds(value, base))
    written = [str(value) for value in parameter.values]
    place = study.places.get(f"space.{key}", study.name)
    validate_range(resolved, Located(f"[{', '.join(written)}]", f"space.{key}", place))
    return resolved
