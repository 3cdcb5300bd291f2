"""Optuna's samplers behind the ask/tell face: they look for the best setting, not for the whole surface."""

from __future__ import annotations

import importlib.util
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np

from softloc_core.errors import ConfigError
from sweeps.designs.space import Parameter, Value, active_part, in_order

__all__ = ["SAMPLERS", "OptunaDesign"]

Point = dict[str, Any]
SAMPLERS = ("tpe", "gp", "cmaes", "nsga2", "nsga3")
_GENETIC = ("nsga2", "nsga3")
_POPULATION, _LEAST_POPULATION, _GENERATIONS = 50, 8, 10
# So many trials of an earlier driver are needed to start the evolution strategy where they were best.
_LEAST_WARM_START = 10
# A sampler that gives known points so often in a row has no others.
_TRIES = 100


class OptunaDesign:
    """One of Optuna's samplers, maximising what it is told.

    A sampler that is told points it never gave (those of an earlier driver) draws other random numbers than
    at the beginning, so that it does not give its first points once more. It learns from them all the same: a
    genetic sampler takes them as its first generations, and the evolution strategy starts where the best of
    them are.

    Attributes:
        is_sequential: True: what it gives depends on what it is told.
    """

    is_sequential = True

    def __init__(
        self,
        sampler: str,
        space: Mapping[str, Parameter],
        *,
        seed: int,
        budget: int,
        n_objectives: int = 1,
        population_size: int | None = None,
    ) -> None:
        """Start the design.

        Args:
            sampler: One of `SAMPLERS`.
            space: Varied parameters.
            seed: Whole number >= 0.
            budget: Most points to give.
            n_objectives: Numbers that each point is told with.
            population_size: Of a genetic sampler; a tenth of the budget, from 8 to 50, when None.

        Raises:
            ConfigError: Nothing is varied, a population size that is none, or CMA-ES without the package it
                needs.
        """
        if not space:
            raise ConfigError(f"`design: {sampler}` needs something in `space`, but got nothing")
        if population_size is not None and (type(population_size) is not int or population_size < 2):
            raise ConfigError(
                f"`population_size` must be a whole number, at least 2, but got {population_size}"
            )
        self._sampler, self._seed, self._budget = sampler, seed, budget
        self._n_objectives = n_objectives
        self._population = population_size or min(_POPULATION, max(_LEAST_POPULATION, budget // _GENERATIONS))
        self._distributions = {key: _distribution(parameter) for key, parameter in space.items()}
        self._space, self._order = space, in_order(space)
        self._given = 0
        self._told_others = 0
        self._completed_others = 0
        self._pending: list[tuple[Point, Any]] = []
        self._known: dict[str, list[float] | None] = {}
        self._study: Any = None

    def ask(self) -> Point | None:
        """The next point, or None when the budget is spent or no new point is to be had.

        A point that was given before is not given again: what it gave is known, for a trial with the same
        settings gives the same result.
        """
        if self._given >= self._budget:
            return None
        for _ in range(_TRIES):
            point, trial = self._sampled()
            if repr(point) not in self._known:
                self._given += 1
                self._known[repr(point)] = None
                self._pending.append((point, trial))
                return dict(point)
            self._tell(trial, self._known[repr(point)])
        return None

    def _sampled(self) -> tuple[Point, Any]:
        """What the sampler would have next, with Optuna's trial."""
        point: Point = {}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            trial = self._opened().ask()
            for key in self._order:
                if self._space[key].is_active(point):
                    point[key] = self._value(key, _suggested(trial, key, self._distributions[key]))
        return {key: point[key] for key in self._space if key in point}, trial

    def tell(self, point: Point, value: Value | None) -> None:
        """What a point gave; a point that was not asked for counts against the budget as well."""
        values = list(value) if isinstance(value, tuple) else None if value is None else [value]
        part = active_part(self._space, point)
        self._known[repr(part)] = values
        for index, (asked, trial) in enumerate(self._pending):
            if asked == part:
                del self._pending[index]
                self._tell(trial, values)
                return
        self._tell_of_another(part, values)

    def _tell(self, trial: Any, values: list[float] | None) -> None:
        """Let the sampler hear what a trial of its own gave; None when it failed or is not known yet."""
        self._opened().tell(trial, values, state=_state(values))

    def _tell_of_another(self, part: Point, values: list[float] | None) -> None:
        """A point of an earlier driver, which this sampler never gave."""
        from optuna.trial import create_trial

        self._given += 1
        self._told_others += 1
        attributes = {}
        if self._sampler in _GENETIC and values is not None:
            # Without a generation a genetic sampler would not look at the trial.
            attributes = {_generation_key(self._sampler): self._completed_others // self._population}
        self._completed_others += values is not None
        told = create_trial(
            params={key: self._index(key, part[key]) for key in part},
            distributions={key: self._distributions[key] for key in part},
            values=values,
            state=_state(values),
            system_attrs=attributes,
        )
        self._opened().add_trial(told)

    def _opened(self) -> Any:
        """Optuna's study; its sampler is made when it is first asked, after what it is told at the start."""
        import optuna

        if self._study is None:
            optuna.logging.set_verbosity(optuna.logging.ERROR)
            self._study = optuna.create_study(
                directions=["maximize"] * self._n_objectives, sampler=optuna.samplers.RandomSampler(seed=0)
            )
            self._seeded_with: int | None = None
        if self._seeded_with != self._told_others:
            self._seeded_with = self._told_others
            seed = int(np.random.default_rng([self._seed, self._told_others]).integers(2**31))
            self._study.sampler = _make_sampler(
                self._sampler, seed, population=self._population, warm_start=self._warm_start()
            )
        return self._study

    def _warm_start(self) -> list[Any] | None:
        """Trials of an earlier driver that the evolution strategy may start from: their ranges alone."""
        from optuna.trial import create_trial

        ranges = {key: self._distributions[key] for key, p in self._space.items() if p.is_range}
        if self._sampler != "cmaes" or any(parameter.when for parameter in self._space.values()):
            return None
        complete = [trial for trial in self._study.trials if trial.values is not None]
        if len(complete) < _LEAST_WARM_START or not ranges:
            return None
        return [
            create_trial(
                params={key: trial.params[key] for key in ranges}, distributions=ranges, value=trial.value
            )
            for trial in complete
        ]

    def _value(self, key: str, value: Any) -> Any:
        """A parameter's value from Optuna's."""
        parameter = self._space[key]
        return value if parameter.is_range else parameter.values[int(value)]

    def _index(self, key: str, value: Any) -> Any:
        """Optuna's value of a parameter's."""
        parameter = self._space[key]
        return value if parameter.is_range else parameter.values.index(value)


def _state(values: list[float] | None) -> Any:
    """Optuna's word for how a trial ended."""
    from optuna.trial import TrialState

    return TrialState.FAIL if values is None else TrialState.COMPLETE


def _distribution(parameter: Parameter) -> Any:
    """A parameter as Optuna's; listed values go by their index, for Optuna takes plain ones only."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if not parameter.is_range:
        return CategoricalDistribution(tuple(range(len(parameter.values))))
    low, high = parameter.values
    if parameter.kind == "integers":
        return IntDistribution(low, high)
    return FloatDistribution(low, high, log=parameter.kind == "log_uniform")


def _suggested(trial: Any, key: str, distribution: Any) -> Any:
    """Optuna's value of one parameter of a trial."""
    from optuna.distributions import CategoricalDistribution, IntDistribution

    if isinstance(distribution, CategoricalDistribution):
        return trial.suggest_categorical(key, distribution.choices)
    if isinstance(distribution, IntDistribution):
        return trial.suggest_int(key, distribution.low, distribution.high)
    return trial.suggest_float(key, distribution.low, distribution.high, log=distribution.log)


def _generation_key(sampler: str) -> str:
    """Where a genetic sampler keeps a trial's generation."""
    import optuna

    kind = optuna.samplers.NSGAIISampler if sampler == "nsga2" else optuna.samplers.NSGAIIISampler
    return str(kind._get_generation_key())


def _make_sampler(name: str, seed: int, *, population: int, warm_start: list[Any] | None) -> Any:
    """The sampler of that name."""
    import optuna

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if name == "tpe":
            # Points on other workers count as middling, so that workers spread out.
            return optuna.samplers.TPESampler(seed=seed, constant_liar=True)
        if name == "gp":
            return optuna.samplers.GPSampler(
                seed=seed, deterministic_objective=False, warn_independent_sampling=False
            )
        if name == "nsga2":
            return optuna.samplers.NSGAIISampler(seed=seed, population_size=population)
        if name == "nsga3":
            return optuna.samplers.NSGAIIISampler(seed=seed, population_size=population)
        if importlib.util.find_spec("cmaes") is None:
            raise ConfigError("`design: cmaes` needs the package cmaes, but it is not installed")
        return optuna.samplers.CmaEsSampler(
            seed=seed, warn_independent_sampling=False, source_trials=warm_start
        )
