"""From the time of single trials to that of a study: hours, their range, resources, cost."""

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
    """An expectation and its range.

    Attributes:
        low: With the fastest time measured.
        expected: With the mean of those measured.
        high: With the slowest.
    """

    low: float
    expected: float
    high: float

    def scaled(self, factor: float) -> Spread:
        """All three times a factor."""
        return Spread(self.low * factor, self.expected * factor, self.high * factor)


@dataclass(frozen=True)
class Forecast:
    """What a study is expected to take.

    Attributes:
        hours: From its first trial to its last.
        trial_hours: Of all trials together.
        cpu_hours: Cores times hours.
        gpu_hours: GPUs times hours.
        at_once: Trials that run at a time.
    """

    hours: Spread
    trial_hours: Spread
    cpu_hours: float
    gpu_hours: float
    at_once: int


def trials_at_once(resources: Resources, *, cpus: float, gpus: float) -> int:
    """Trials that so many cores and GPUs hold; 0 where not even one fits."""
    by_cpu = int(cpus / resources.cpus + 1e-9)
    return by_cpu if not resources.gpus else min(by_cpu, int(gpus / resources.gpus + 1e-9))


def trial_spread(config: TrialConfig, timings: Mapping[Kind, Sequence[Timing]]) -> Spread:
    """Seconds that a trial takes.

    One of a kind that was not measured takes what the measured ones of its task and network take (else of its
    task, else all), in proportion to the seconds of signal in a batch.
    """
    known = timings.get(kind_of(config))
    if known is None:
        return _by_proportion(config, timings)
    return _spread([timing.trial_s(config.iterations) for timing in known])


def _by_proportion(config: TrialConfig, timings: Mapping[Kind, Sequence[Timing]]) -> Spread:
    """The time of a trial from that of other kinds."""
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
    """Time until the last of these trials ends when each begins as soon as a place is free, in order."""
    free_at = [0.0] * max(1, min(at_once, len(seconds)))
    for taken_s in seconds:
        heapq.heappush(free_at, heapq.heappop(free_at) + taken_s)
    return max(free_at)


def forecast(trials: Sequence[Spread], resources: Resources, *, at_once: int) -> Forecast:
    """What these trials take together.

    Args:
        trials: Seconds of each, in the order in which they are run.
        resources: What one trial takes.
        at_once: Trials that run at a time, >= 1.
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
