"""From a study and its data to the trials it asks for: explicit configurations, each with its identity."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from softloc_core.decoding import decoder_for
from softloc_core.errors import ConfigError
from softloc_core.events import EventList
from softloc_core.label_noise import misaligned
from softloc_core.losses import LOSSES, MEASURES, Constant, make_loss, resolve_options, schedule_from_spec
from softloc_core.tasks import TASKS, DataRequest, TaskData
from softloc_core.trial import TrialConfig, trial_id
from sweeps.designs import Design, make_design
from sweeps.fields import FIELDS, Field
from sweeps.located_yaml import Located
from sweeps.space import Parameter, validate_range
from sweeps.study import Study
from sweeps.units import Duration, TimeBase

__all__ = ["PlannedTrial", "Planner", "load_data"]

_DATA_KEYS = ("split", "fold", "features", "network")


@dataclass(frozen=True)
class PlannedTrial:
    """A trial that a study asks for.

    Attributes:
        trial_id: Its identity.
        config: What it is.
        point: The design point it belongs to, for designs that learn.
    """

    trial_id: str
    config: TrialConfig
    point: Mapping[str, Any]


def load_data(study: Study, *, data_root: Path | None, cache_dir: Path) -> dict[DataRequest, TaskData]:
    """All data that a study reads, checked and with features; one load for each distinct request.

    Raises:
        DataError: Data that is absent or cannot be used; the message names the file and the line.
        ConfigError: A split, fold or front end that does not exist, or a data root that is wanted.
    """
    task = TASKS.get(study.task)
    source = task.sources[study.data]
    if source.needs_data_root and data_root is None:
        hint = f" (get it from {source.homepage})" if source.homepage else ""
        raise ConfigError(
            f"the data source {study.data} must be given with --data-root DIR, but none came{hint}"
        )
    if data_root is not None and not data_root.is_dir():
        raise ConfigError(f"--data-root must be a folder, but got {data_root}")
    return {
        request: task.load(request, data_root=data_root, cache_dir=cache_dir) for request in _requests(study)
    }


def _requests(study: Study) -> Iterator[DataRequest]:
    """Every distinct request of a study's trials."""
    varied = {key: study.space[key].levels() for key in _DATA_KEYS if key in study.space}
    seen = set()
    for values in itertools.product(*varied.values()):
        given = {**study.fixed, **dict(zip(varied, values, strict=True))}
        defaults = _defaults(study, given)
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


def _defaults(study: Study, given: Mapping[str, Any]) -> dict[str, Any]:
    """What the task gives to fields that the study does not, by TrialConfig's names."""
    task = TASKS.get(study.task)
    defaults = {"split": task.sources[study.data].default_split, "fold": 0}
    return {**defaults, **task.defaults(str(given.get("network", task.networks[0])))}


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
        self._sampled = {key: p for key, p in resolved.items() if p.kind != "each" or study.design == "grid"}
        self._crossed = {key: p for key, p in resolved.items() if key not in self._sampled}
        crossings = 1
        for parameter in self._crossed.values():
            crossings *= len(parameter.values)
        self.runs_a_point = crossings * study.replicates
        self.n_points = self._n_points()
        self._checked: set[tuple[Any, ...]] = set()

    def _n_points(self) -> int:
        """Number of design points."""
        study = self.study
        if study.design == "grid":
            points = 1
            for parameter in self._sampled.values():
                points *= len(parameter.levels())
            if study.trials not in (None, points * self.runs_a_point):
                raise ConfigError(
                    f"`trials` of this grid must be {points * self.runs_a_point} or be left out, but got "
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

    def design(self) -> Design:
        """The study's design, at its beginning."""
        study = self.study
        return make_design(
            study.design, self._sampled, seed=study.seed, budget=self.n_points, options=study.design_options
        )

    def trials(self, point: Mapping[str, Any]) -> list[PlannedTrial]:
        """The trials of one design point: every crossed combination, every replicate.

        Raises:
            ConfigError: A value that no trial can have.
        """
        planned = []
        for values in itertools.product(*(parameter.values for parameter in self._crossed.values())):
            full = {**point, **dict(zip(self._crossed, values, strict=True))}
            for replicate in range(self.study.replicates):
                config = self.config(full, replicate=replicate)
                identity = trial_id(config, data_fingerprint=self.data_of(config).fingerprint)
                planned.append(PlannedTrial(identity, config, dict(point)))
        return planned

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
        if "network" in study.space:
            return {}
        defaults = _defaults(study, study.fixed)
        varied = {key.partition(".")[0] for key in study.space}
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
        values = _defaults(study, {**study.fixed, **given})
        for key, value in (*study.fixed.items(), *given.items()):
            values[FIELDS[key].config_name] = self._seconds(value)
        for key, value in point.items():
            if "." in key:
                _set_option(values, key, value)
        values |= {"task": study.task, "data": study.data, "seed": study.seed, "replicate": replicate}
        try:
            config = TrialConfig(**_canonical(values))
            self._check_names(config)
        except ConfigError as error:
            raise ConfigError(f"{error} in the study {study.name}") from error
        return config

    def _seconds(self, value: Any) -> Any:
        """A duration in seconds; any other value as it is."""
        return value.seconds(self._base) if isinstance(value, Duration) else value

    def _check_names(self, config: TrialConfig) -> None:
        """Let the registries judge names and options before anything runs, once for each combination."""
        key = (
            config.loss,
            config.loss_options,
            config.measure,
            config.noise,
            config.noise_options,
            config.decoding,
        )
        if key in self._checked:
            return
        self._checked.add(key)
        make_loss(
            config.loss,
            softness_frames=config.softness_s / self._base.hop_s,
            alpha=config.alpha,
            measure=config.measure,
            n_steps=config.iterations,
            options=dict(config.loss_options),
        )
        prediction = LOSSES[config.loss].prediction
        decoder_for(
            config.decoding, prediction=prediction, softness_frames=config.softness_s / self._base.hop_s
        )
        misaligned(
            EventList([], [], 1.0),  # type: ignore[arg-type]
            noise=config.noise,
            scale_s=config.label_noise_s,
            seed=0,
            replicate=0,
            recording="",
            options=dict(config.noise_options),
        )


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
    resolved = parameter.mapped(lambda value: value.seconds(base) if isinstance(value, Duration) else value)
    written = [str(value) for value in parameter.values]
    place = study.places.get(f"space.{key}", study.name)
    validate_range(resolved, Located(f"[{', '.join(written)}]", f"space.{key}", place))
    return resolved


def _set_option(values: dict[str, Any], key: str, value: Any) -> None:
    """Put the value of a dotted key into the field it belongs to."""
    head, *path = key.split(".")
    name = FIELDS[head].config_name
    field_value = values[name]
    if FIELDS[head].kind == "schedule":
        spec = field_value if isinstance(field_value, Mapping) else field_value.spec()
        values[name] = _with_path(spec, path, value)
    else:
        values[name] = {**dict(field_value), path[0]: value}


def _with_path(spec: Mapping[str, Any], path: Sequence[str], value: Any) -> dict[str, Any]:
    """A schedule's spec with one parameter replaced; another schedule's name starts a new spec."""
    kept = dict(spec) if path[0] in spec else {}
    if len(path) == 1:
        return {path[0]: value}
    inner = kept.get(path[0])
    return {path[0]: {**(inner if isinstance(inner, Mapping) else {}), path[1]: value}}


def _canonical(values: Mapping[str, Any]) -> dict[str, Any]:
    """TrialConfig's arguments: options in full, specs as values, what the loss ignores at one fixed value."""
    result = dict(values)
    if isinstance(result["alpha"], Mapping):
        result["alpha"] = schedule_from_spec(result["alpha"])
    for name in ("loss_options", "noise_options"):
        result[name] = dict(result[name])
    entry = LOSSES.get(result["loss"])
    if entry is not None:
        known = {key: value for key, value in result["loss_options"].items() if key in entry.options}
        elsewhere = [key for other in LOSSES.values() for key in other.options]
        unknown = {key: value for key, value in result["loss_options"].items() if key not in elsewhere}
        result["loss_options"] = resolve_options(entry.name, {**known, **unknown})
        if not entry.uses_softness:
            result["softness_s"] = 0.0
        if not entry.uses_alpha:
            result["alpha"] = Constant(0.0)
        if not entry.uses_measure:
            result["measure"] = next(iter(MEASURES))
    for name in ("loss_options", "noise_options"):
        result[name] = tuple(sorted(result[name].items()))
    missing = [item.name for item in fields(TrialConfig) if item.name not in result]
    if missing:
        raise ConfigError(f"a study must give {', '.join(missing)} under fixed, for the task has no default")
    return result
