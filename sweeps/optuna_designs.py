"""Optuna's samplers behind the ask/tell face: they look for the best setting, not for the whole surface."""

from __future__ import annotations

import importlib.util
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np

from softloc_core.errors import ConfigError
from sweeps.space import Parameter

__all__ = ["SAMPLERS", "OptunaDesign"]

Point = dict[str, Any]
SAMPLERS = ("tpe", "gp", "cmaes", "nsga2")


class OptunaDesign:
    """One of Optuna's samplers, maximising what it is told.

    A sampler that is told points it never gave (those of an earlier driver) draws other random numbers than
    at the beginning, so that it does not give its first points once more.

    Attributes:
        is_sequential: True: what it gives depends on what it is told.
    """

    is_sequential = True

    def __init__(self, sampler: str, space: Mapping[str, Parameter], *, seed: int, budget: int) -> None:
        """Start the design.

        Args:
            sampler: One of `SAMPLERS`.
            space: Varied parameters.
            seed: Whole number >= 0.
            budget: Most points to give.

        Raises:
            ConfigError: Nothing is varied, or CMA-ES without the package it needs.
        """
        if not space:
            raise ConfigError(f"`design: {sampler}` needs something in `space`, but got nothing")
        self._sampler, self._seed, self._budget = sampler, seed, budget
        self._distributions = {key: _distribution(parameter) for key, parameter in space.items()}
        self._space = space
        self._given = 0
        self._told_others = 0
        self._pending: list[tuple[Point, Any]] = []
        self._study: Any = None

    def ask(self) -> Point | None:
        """The next point, or None when the budget is spent."""
        if self._given >= self._budget:
            return None
        self._given += 1
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            trial = self._opened().ask(self._distributions)
        point = {key: self._value(key, trial.params[key]) for key in self._space}
        self._pending.append((point, trial))
        return dict(point)

    def tell(self, point: Point, value: float | None) -> None:
        """What a point gave; a point that was not asked for counts against the budget as well."""
        from optuna.trial import TrialState, create_trial

        state = TrialState.COMPLETE if value is not None else TrialState.FAIL
        for index, (asked, trial) in enumerate(self._pending):
            if asked == point:
                del self._pending[index]
                self._opened().tell(trial, value, state=state)
                return
        self._given += 1
        self._told_others += 1
        parameters = {key: self._index(key, point[key]) for key in self._space}
        told = create_trial(params=parameters, distributions=self._distributions, value=value, state=state)
        self._opened().add_trial(told)

    def _opened(self) -> Any:
        """Optuna's study; its sampler is made when it is first asked, after what it is told at the start."""
        import optuna

        if self._study is None:
            optuna.logging.set_verbosity(optuna.logging.ERROR)
            self._study = optuna.create_study(
                direction="maximize", sampler=optuna.samplers.RandomSampler(seed=0)
            )
            self._seeded_with: int | None = None
        if self._seeded_with != self._told_others:
            self._seeded_with = self._told_others
            seed = int(np.random.default_rng([self._seed, self._told_others]).integers(2**31))
            self._study.sampler = _make_sampler(self._sampler, seed)
        return self._study

    def _value(self, key: str, value: Any) -> Any:
        """A parameter's value from Optuna's."""
        parameter = self._space[key]
        return value if parameter.is_range else parameter.values[int(value)]

    def _index(self, key: str, value: Any) -> Any:
        """Optuna's value of a parameter's."""
        parameter = self._space[key]
        return value if parameter.is_range else parameter.values.index(value)


def _distribution(parameter: Parameter) -> Any:
    """A parameter as Optuna's; listed values go by their index, for Optuna takes plain ones only."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if not parameter.is_range:
        return CategoricalDistribution(tuple(range(len(parameter.values))))
    low, high = parameter.values
    if parameter.kind == "integers":
        return IntDistribution(low, high)
    return FloatDistribution(low, high, log=parameter.kind == "log_uniform")


def _make_sampler(name: str, seed: int) -> Any:
    """The sampler of that name."""
    import optuna

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if name == "tpe":
            # Points on other workers count as middling, so that workers spread out.
            return optuna.samplers.TPESampler(seed=seed, constant_liar=True)
        if name == "gp":
            return optuna.samplers.GPSampler(seed=seed, deterministic_objective=False)
        if name == "nsga2":
            return optuna.samplers.NSGAIISampler(seed=seed)
        if importlib.util.find_spec("cmaes") is None:
            raise ConfigError("`design: cmaes` needs the package cmaes, but it is not installed")
        return optuna.samplers.CmaEsSampler(seed=seed, warn_independent_sampling=False)
