"""The duration and resources of a study, computed from the durations of single trials."""

from __future__ import annotations

import heapq
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from softloc_core.trial import TrialConfig
from sweeps.forecasting.pilot import Kind, Timing, kind_of
from sweeps.study import Resources

__all__ = ["Forecast", "Spread", "forecast", "makespan_s", "trial_spread", "trials_at_once"]


@dataclass(frozen=True)
class Spread:
    """An expected value and its range.

    Attributes:
        low: Value for the fastest measured time.
        expected: Value for the mean of the measured times.
        high: Value for the slowest measured time.
    """

    low: float
    expected: float
    high: float

    def scaled(self, factor: float) -> Spread:
        """Return all three values multiplied by a factor."""
        return Spread(self.low * factor, self.expected * factor, self.high * factor)


@dataclass(frozen=True)
class Forecast:
    """The time and resources that a study is expected to take.

    Attributes:
        hours: Hours from the start of the first trial to the end of the last.
        trial_hours: Sum of the hours of all trials.
        cpu_hours: Expected CPU cores times hours.
        gpu_hours: Expected GPUs times hours.
        at_once: Number of trials that run at the same time.
    """

    hours: Spread
    trial_hours: Spread
    cpu_hours: float
    gpu_hours: float
    at_once: int


def trials_at_once(resources: Resources, *, cpus: float, gpus: float) -> int:
    """Return how many trials fit on a number of cores and GPUs at the same time; 0 if none fits."""
    by_cpu = int(cpus / resources.cpus + 1e-9)
    return by_cpu if not resources.gpus else min(by_cpu, int(gpus / resources.gpus + 1e-9))


def trial_spread(config: TrialConfig, timings: Mapping[Kind, Sequence[Timing]]) -> Spread:
    """Return the seconds that a trial takes.

    The time of a kind that was not measured is estimated from measured kinds with the same task and network.
    If there are none, it is estimated from kinds with the same task, and otherwise from all kinds. The time
    of an iteration is assumed to be proportional to the seconds of signal in a batch.

    Args:
        config: The trial.
        timings: Measured times by kind, not empty.
    """
    known = timings.get(kind_of(config))
    if known is None:
        return _by_proportion(config, timings)
    return _spread([timing.trial_s(config.iterations) for timing in known])


def _by_proportion(config: TrialConfig, timings: Mapping[Kind, Sequence[Timing]]) -> Spread:
    """Return the seconds of a trial, estimated from the times of other kinds."""
    same = {kind: found for kind, found in timings.items() if kind.task == config.task} or timings
    same = {kind: found for kind, found in same.items() if kind.network == config.network} or same
    work = config.batch_size * config.excerpt_s
    return _spread(
        [
            timing.setup_s
            + config.iterations * timing.iteration_s * work / (kind.batch_size * kind.excerpt_s)
            for kind, found in same.items()
            for timing in found
        ]
    )


def _spread(seconds: Sequence[float]) -> Spread:
    return Spread(min(seconds), statistics.fmean(seconds), max(seconds))


def makespan_s(seconds: Sequence[float], *, at_once: int) -> float:
    """Return when the last trial ends if trials start in order, each as soon as a slot is free."""
    free_at = [0.0] * max(1, min(at_once, len(seconds)))
    for taken_s in seconds:
        heapq.heappush(free_at, heapq.heappop(free_at) + taken_s)
    return max(free_at)


def forecast(trials: Sequence[Spread], resources: Resources, *, at_once: int) -> Forecast:
    """Return the forecast for a list of trials.

    Args:
        trials: Seconds of each trial, in the order in which they run.
        resources: Resources that one trial reserves.
        at_once: Number of trials that run at the same time, >= 1.
    """
    parts: tuple[Callable[[Spread], float], ...] = (
        lambda one: one.low,
        lambda one: one.expected,
        lambda one: one.high,
    )
    columns = [[part(one) for one in trials] for part in parts]
    hours = Spread(*(makespan_s(column, at_once=at_once) / 3600 for column in columns))
    total = Spread(*(sum(column) / 3600 for column in columns))
    return Forecast(
        hours,
        total,
        total.expected * resources.cpus,
        total.expected * resources.gpus,
        min(at_once, len(trials)),
    )
