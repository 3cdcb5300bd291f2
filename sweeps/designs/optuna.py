"""Designs based on Optuna's samplers, which search for the best setting rather than the whole surface."""

from __future__ import annotations

import importlib.util
import warnings
from typing import Any

import numpy as np

from softloc_core.errors import ConfigError
from sweeps.designs.space import Parameter, Point, Space, Value, active_part, in_order

__all__ = ["SAMPLERS", "OptunaDesign"]

SAMPLERS = ("tpe", "gp", "cmaes", "nsga2", "nsga3")
_GENETIC = ("nsga2", "nsga3")
_POPULATION, _LEAST_POPULATION, _GENERATIONS = 50, 8, 10
# The evolution strategy needs at least this many earlier trials to start from the best of them.
_LEAST_WARM_START = 10
# A sampler that proposes known points this many times in a row has no others.
_TRIES = 100


class OptunaDesign:
    """One of Optuna's samplers, maximizing the results it receives.

    A resumed study tells its design the points of the earlier run. The sampler then uses another random
    stream, so that it does not repeat its first points. It still learns from the earlier results: a genetic
    sampler treats them as its first generations, and the evolution strategy starts from the best of them.

    Attributes:
        is_sequential: True, because later points depend on earlier results.
        is_known: False, because a sampler has no criterion for having learned enough.
    """

    is_sequential = True
    is_known = False

    def __init__(
        self,
        sampler: str,
        space: Space,
        *,
        seed: int,
        budget: int,
        n_objectives: int = 1,
        population_size: int | None = None,
    ) -> None:
        """Set up the design.

        Args:
            sampler: One of `SAMPLERS`.
            space: Varied parameters.
            seed: Whole number >= 0.
            budget: Largest number of points to propose.
            n_objectives: Length of the results.
            population_size: Population of a genetic sampler. None stands for a tenth of the budget, limited
                to 8 to 50.

        Raises:
            ConfigError: The space is empty, the population size is invalid, or the package that CMA-ES needs
                is not installed.
        """
        if not space:
            raise ConfigError(f"`design: {sampler}` needs at least one parameter in `space`, but got none")
        if population_size is not None and (type(population_size) is not int or population_size < 2):
            raise ConfigError(
                f"`population_size` must be a whole number, at least 2, but got {population_size}"
            )
        self._sampler, self._seed, self._budget = sampler, seed, budget
        self._n_objectives = n_objectives
        self._population = population_size or min(_POPULATION, max(_LEAST_POPULATION, budget // _GENERATIONS))
        self._distributions = {key: _distribution(parameter) for key, parameter in space.items()}
        self._space, self._order = space, in_order(space)
        self._n_used = 0
        self._n_earlier = 0
        self._n_earlier_completed = 0
        self._pending: list[tuple[Point, Any]] = []
        self._known: dict[str, list[float] | None] = {}
        self._study: Any = None

    def ask(self) -> Point | None:
        """Return the next point, or None when the budget is spent or the sampler has no new point.

        No point is proposed twice, because a trial with the same settings has the same result. If the sampler
        repeats a point, it receives the known result at once.
        """
        if self._n_used >= self._budget:
            return None
        for _ in range(_TRIES):
            point, trial = self._sampled()
            if repr(point) not in self._known:
                self._n_used += 1
                self._known[repr(point)] = None
                self._pending.append((point, trial))
                return dict(point)
            self._tell(trial, self._known[repr(point)])
        return None

    def _sampled(self) -> tuple[Point, Any]:
        """Return the sampler's next point and Optuna's trial for it."""
        point: Point = {}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            trial = self._optuna_study().ask()
            for key in self._order:
                if self._space[key].is_active(point):
                    point[key] = self._value(key, _suggested(trial, key, self._distributions[key]))
        return {key: point[key] for key in self._space if key in point}, trial

    def tell(self, point: Point, value: Value | None) -> None:
        """Record the result of a point. A point of an earlier run counts against the budget as well."""
        values = list(value) if isinstance(value, tuple) else None if value is None else [value]
        part = active_part(self._space, point)
        self._known[repr(part)] = values
        for index, (asked, trial) in enumerate(self._pending):
            if asked == part:
                del self._pending[index]
                self._tell(trial, values)
                return
        self._tell_earlier(part, values)

    def summary(self, *, runs_a_point: int = 1) -> str | None:
        """Return None, because there is nothing to report."""
        return None

    def _tell(self, trial: Any, values: list[float] | None) -> None:
        """Pass the result of a proposed point to the sampler; None if it failed or is not known yet."""
        self._optuna_study().tell(trial, values, state=_state(values))

    def _tell_earlier(self, part: Point, values: list[float] | None) -> None:
        """Pass a point of an earlier run, which this sampler never proposed, to the sampler."""
        from optuna.trial import create_trial

        self._n_used += 1
        self._n_earlier += 1
        attributes = {}
        if self._sampler in _GENETIC and values is not None:
            # A genetic sampler ignores trials without a generation.
            attributes = {_generation_key(self._sampler): self._n_earlier_completed // self._population}
        self._n_earlier_completed += values is not None
        earlier = create_trial(
            params={key: self._index(key, part[key]) for key in part},
            distributions={key: self._distributions[key] for key in part},
            values=values,
            state=_state(values),
            system_attrs=attributes,
        )
        self._optuna_study().add_trial(earlier)

    def _optuna_study(self) -> Any:
        """Return Optuna's study, with a sampler made after the earlier results have been received."""
        import optuna

        if self._study is None:
            optuna.logging.set_verbosity(optuna.logging.ERROR)
            self._study = optuna.create_study(
                directions=["maximize"] * self._n_objectives, sampler=optuna.samplers.RandomSampler(seed=0)
            )
            self._seeded_with: int | None = None
        if self._seeded_with != self._n_earlier:
            self._seeded_with = self._n_earlier
            seed = int(np.random.default_rng([self._seed, self._n_earlier]).integers(2**31))
            self._study.sampler = _make_sampler(
                self._sampler, seed, population=self._population, warm_start=self._warm_start()
            )
        return self._study

    def _warm_start(self) -> list[Any] | None:
        """Return earlier trials, reduced to their ranges, from which the evolution strategy can start."""
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
        """Return the parameter's value for a value of Optuna's."""
        parameter = self._space[key]
        return value if parameter.is_range else parameter.values[int(value)]

    def _index(self, key: str, value: Any) -> Any:
        """Return Optuna's value for a value of the parameter."""
        parameter = self._space[key]
        return value if parameter.is_range else parameter.values.index(value)


def _state(values: list[float] | None) -> Any:
    """Return Optuna's state of a trial with these results."""
    from optuna.trial import TrialState

    return TrialState.FAIL if values is None else TrialState.COMPLETE


def _distribution(parameter: Parameter) -> Any:
    """Return Optuna's distribution of a parameter.

    Listed values are represented by their index, because Optuna supports only plain categories.
    """
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if not parameter.is_range:
        return CategoricalDistribution(tuple(range(len(parameter.values))))
    low, high = parameter.values
    if parameter.kind == "integers":
        return IntDistribution(low, high)
    return FloatDistribution(low, high, log=parameter.kind == "log_uniform")


def _suggested(trial: Any, key: str, distribution: Any) -> Any:
    """Return the value of one parameter that Optuna suggests for a trial."""
    from optuna.distributions import CategoricalDistribution, IntDistribution

    if isinstance(distribution, CategoricalDistribution):
        return trial.suggest_categorical(key, distribution.choices)
    if isinstance(distribution, IntDistribution):
        return trial.suggest_int(key, distribution.low, distribution.high)
    return trial.suggest_float(key, distribution.low, distribution.high, log=distribution.log)


def _generation_key(sampler: str) -> str:
    """Return the trial attribute in which a genetic sampler stores the generation."""
    import optuna

    kind = optuna.samplers.NSGAIISampler if sampler == "nsga2" else optuna.samplers.NSGAIIISampler
    return str(kind._get_generation_key())


def _make_sampler(name: str, seed: int, *, population: int, warm_start: list[Any] | None) -> Any:
    """Return a new sampler of the given type."""
    import optuna

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if name == "tpe":
            # The constant liar keeps parallel workers from proposing points close together.
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
