"""Pilot trials: short runs of real trials, from whose durations those of complete trials are estimated."""

from __future__ import annotations

import dataclasses
import logging
import multiprocessing
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

from softloc_core.tasks import DataRequest, TaskData
from softloc_core.trial import TrialConfig
from sweeps.execution import RunTrial

__all__ = ["Kind", "Timing", "kind_of", "measured_kinds", "run_pilots", "timings_of"]

logger = logging.getLogger(__name__)
_FIRST_ITERATIONS, _GROWTH = 8, 4
_WARM_UP_ITERATIONS = 2
_MOST_KINDS = 4


@dataclass(frozen=True, kw_only=True)
class Kind:
    """The fields of a trial that determine how long an iteration takes.

    Attributes:
        task: Name of the task.
        network: Name of the network.
        features: Name of the front end.
        loss: Name of the loss.
        batch_size: Number of excerpts in a batch.
        excerpt_s: Length of an excerpt in seconds.
    """

    task: str
    network: str
    features: str
    loss: str
    batch_size: int
    excerpt_s: float


@dataclass(frozen=True)
class Timing:
    """How long trials of one kind take, according to one pilot.

    Attributes:
        setup_s: Seconds of a trial besides its iterations, for labels, network and scoring.
        iteration_s: Seconds of an iteration.
        iterations: Iterations of the longest run that was timed.
    """

    setup_s: float
    iteration_s: float
    iterations: int

    def trial_s(self, iterations: int) -> float:
        """Return the seconds of a trial with this number of iterations."""
        return self.setup_s + iterations * self.iteration_s


def kind_of(config: TrialConfig) -> Kind:
    """Return the kind of a trial."""
    return Kind(**{field.name: getattr(config, field.name) for field in dataclasses.fields(Kind)})


def measured_kinds(configs: Iterable[TrialConfig]) -> list[TrialConfig]:
    """Return one trial of each of the four most frequent kinds, with at least one for each task."""
    first: dict[Kind, TrialConfig] = {}
    counts: Counter[Kind] = Counter()
    for config in configs:
        first.setdefault(kind_of(config), config)
        counts[kind_of(config)] += 1
    tasks = dict.fromkeys(kind.task for kind in first)
    share = max(1, _MOST_KINDS // max(1, len(tasks)))
    common = [kind for kind, _ in counts.most_common()]
    return [first[kind] for task in tasks for kind in [k for k in common if k.task == task][:share]]


def timings_of(
    run_trial: RunTrial, config: TrialConfig, data: TaskData, *, device: str, target_s: float
) -> list[Timing]:
    """Time a trial with more and more iterations, until a run takes long enough or is a complete trial.

    A first run of two iterations, which compiles code and reads data, is not timed. The longest run is
    repeated once.

    Args:
        run_trial: The function that runs a trial.
        config: The trial.
        data: Its data.
        device: Torch device to train on.
        target_s: Least duration of the longest run, in seconds.
    """

    def seconds(iterations: int) -> float:
        started = time.perf_counter()
        run_trial(dataclasses.replace(config, iterations=iterations), data, device=device)
        return time.perf_counter() - started

    seconds(min(_WARM_UP_ITERATIONS, config.iterations))
    n = min(_FIRST_ITERATIONS, config.iterations)
    shorter, taken_s = (0, 0.0), seconds(n)
    # A single length cannot separate the set-up from the iterations, unless it is a complete trial.
    while n < config.iterations and (taken_s < target_s or shorter[0] == 0):
        growth = _GROWTH if taken_s < target_s else 2
        shorter, n = (n, taken_s), min(n * growth, config.iterations)
        taken_s = seconds(n)
    return [_timing(shorter, (n, one)) for one in (taken_s, seconds(n))]


def _timing(shorter: tuple[int, float], longer: tuple[int, float]) -> Timing:
    """Return the set-up and iteration times of the line through two runs, neither below 0."""
    (n_short, short_s), (n_long, long_s) = shorter, longer
    iteration_s = max(long_s - short_s, 0.0) / (n_long - n_short)
    return Timing(max(long_s - n_long * iteration_s, 0.0), iteration_s, n_long)


def run_pilots(
    run_trial: RunTrial,
    configs: Sequence[TrialConfig],
    data: Mapping[DataRequest, TaskData],
    *,
    at_once: int,
    device: str,
    target_s: float,
) -> dict[Kind, list[Timing]]:
    """Time trials in several processes, which slow each other down as the trials of the study will.

    Args:
        run_trial: The function that runs a trial.
        configs: One trial of each kind, as returned by `measured_kinds`.
        data: The study's data.
        at_once: Number of processes, >= 1. If there are more processes than kinds, several pilots have the
            same kind.
        device: Torch device to train on.
        target_s: Least duration of the longest run of each pilot, in seconds.

    Returns:
        Timings by kind, two from each pilot.
    """
    n_pilots = max(at_once, len(configs))
    jobs = [configs[index % len(configs)] for index in range(n_pilots)]
    found: dict[Kind, list[Timing]] = {}
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(max_workers=at_once, mp_context=context) as pool:
        pending = [
            pool.submit(
                timings_of, run_trial, config, data[config.data_request()], device=device, target_s=target_s
            )
            for config in jobs
        ]
        for config, future in zip(jobs, pending, strict=True):
            found.setdefault(kind_of(config), []).extend(future.result())
    return found
