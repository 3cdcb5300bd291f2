"""What a study will take, told before anything of it runs."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from softloc_core.errors import ConfigError
from softloc_core.tasks import DataRequest, TaskData
from softloc_core.trial import TrialConfig, run_trial
from sweeps.execution import available_cpus, duration_text, study_folder
from sweeps.forecasting.forecast import Forecast, Spread, forecast, trial_spread, trials_at_once
from sweeps.forecasting.pilot import Kind, Timing, kind_of, measured_kinds, run_pilots
from sweeps.forecasting.points import draw_points, is_there, known_trials
from sweeps.planning import (
    DataRoots,
    PlannedTrial,
    Planner,
    TrialSource,
    load_data,
    make_planner,
    require_scored_recordings,
    trial_source,
    validate_same_study,
)
from sweeps.storage import RunTrial, StoredTrial, TrialStore
from sweeps.study import Study

__all__ = ["PlanOptions", "PlanReport", "plan_study"]

_STOPPED_EARLY = "trials that are stopped early take less; what follows is of whole ones"


@dataclass(frozen=True, kw_only=True)
class PlanOptions:
    """What a plan is made for.

    Attributes:
        out: Folder that holds the study's folder.
        data_root: Recorded data, where a source needs it.
        cache_dir: Where features are kept.
        cpus: Cores that the study will have; None for those of this machine.
        gpus: GPUs that it will have; None for those of this machine.
        price_per_hour: What these cost an hour, in any currency; None prices nothing.
        trial_s: Seconds of a trial where they are known; None measures them by pilots.
        pilot_s: Seconds that the longest run of a pilot should take at least.
        run_trial: The function that runs a trial.
    """

    out: str = "runs"
    data_root: DataRoots | Path | None = None
    cache_dir: Path
    cpus: float | None = None
    gpus: float | None = None
    price_per_hour: float | None = None
    trial_s: float | None = None
    pilot_s: float = 3.0
    run_trial: RunTrial = run_trial

    def __post_init__(self) -> None:
        for name, value in (
            ("cpus", self.cpus),
            ("trial-seconds", self.trial_s),
            ("pilot-seconds", self.pilot_s),
        ):
            if value is not None and not 0 < value < math.inf:
                raise ConfigError(f"--{name} must be above 0, but got {value:g}")
        for name, value in (("gpus", self.gpus), ("price-per-hour", self.price_per_hour)):
            if value is not None and not 0 <= value < math.inf:
                raise ConfigError(f"--{name} must be at least 0, but got {value:g}")


@dataclass(frozen=True)
class PlanReport:
    """A plan.

    Attributes:
        text: What is printed.
        picture: The design points as a PNG file; None where nothing is varied.
        n_left: Trials to run, at most.
        forecast: What they take; None where nothing is left or could be measured.
    """

    text: str
    picture: Path | None
    n_left: int
    forecast: Forecast | None


def plan_study(study: Study, options: PlanOptions) -> PlanReport:
    """Plan a study: nothing of it is run or stored but a picture.

    Raises:
        UserError: A study, data or folder that cannot be run, or too few cores or GPUs for a single trial.
    """
    started = time.perf_counter()
    data = load_data(study, data_root=options.data_root, cache_dir=options.cache_dir)
    data_s = time.perf_counter() - started
    planner = make_planner(study, data)
    planner.check()
    require_scored_recordings(study, data)
    folder = study_folder(study, out=options.out)
    validate_same_study(study, folder)
    at_once = _at_once(study, options)
    stored = TrialStore(folder).load() if folder.exists() else {}
    source = trial_source(planner, stored, folder)
    known = known_trials(planner, folder, source, at_once)
    lines = [_counted(planner, source), _known_text(study, source, known)]
    picture, drawn = draw_points(planner, known, stored, folder)
    lines += [drawn, f"data: read and made ready in {data_s:.1f} s (kept in the cache)"]
    there = {trial.trial_id for trial in known if is_there(trial, stored, study)}
    lines += _stored_times(stored[identity] for identity in there)
    missing = [trial for trial in known if trial.trial_id not in there]
    sample = [trial.config for trial in missing or known]
    told, expected = _expected(study, options, sample, source.n_left, data, at_once=at_once)
    text = "\n".join([*filter(None, lines), *told])
    return PlanReport(text, picture, source.n_left, expected)


def _at_once(study: Study, options: PlanOptions) -> int:
    """Trials that run at a time."""
    cpus, gpus = options.cpus or available_cpus(), available_gpus() if options.gpus is None else options.gpus
    at_once = trials_at_once(study.resources, cpus=cpus, gpus=gpus)
    if at_once < 1:
        wanted = f"{study.resources.cpus:g} CPUs and {study.resources.gpus:g} GPUs"
        raise ConfigError(
            f"--cpus and --gpus must hold a trial ({wanted}), but got {cpus:g} CPUs and {gpus:g} GPUs"
        )
    return at_once


def available_gpus() -> int:
    """GPUs of this machine."""
    return int(torch.cuda.device_count())


def _counted(planner: Planner, source: TrialSource) -> str:
    """How many trials there are and are left."""
    at_most = "at most " if source.is_sequential else ""
    return (
        f"{planner.study.name}: {at_most}{source.n_designed} trials ({planner.n_points} design points x "
        f"{planner.runs_a_point}), {source.n_kept} there already, {source.n_left} to run"
    )


def _known_text(study: Study, source: TrialSource, known: Sequence[PlannedTrial]) -> str:
    """Which design points are known beforehand."""
    if not source.is_sequential:
        return f"design {study.design}: all points are known beforehand"
    what = "what it gave so far" if source.n_kept else "its first batch"
    return (
        f"design {study.design} learns: only {what} is known ({len(known)} trials), the rest follows results"
    )


def _stored_times(there: Iterable[StoredTrial]) -> list[str]:
    """How long the trials took that are there."""
    taken = [trial.row.get("train_s") for trial in there]
    seconds = [float(value) for value in taken if value is not None]
    if not seconds:
        return []
    return [
        f"there already: {len(seconds)} trials, trained in {statistics.fmean(seconds):.3g} s on average "
        f"({min(seconds):.3g} to {max(seconds):.3g} s)"
    ]


def _expected(
    study: Study,
    options: PlanOptions,
    sample: Sequence[TrialConfig],
    n_left: int,
    data: Mapping[DataRequest, TaskData],
    *,
    at_once: int,
) -> tuple[list[str], Forecast | None]:
    """What is left is expected to take, in lines and as numbers."""
    if not n_left:
        return ["nothing is left to run"], None
    if options.trial_s is not None:
        spreads = [Spread(options.trial_s, options.trial_s, options.trial_s)] * len(sample)
        lines = [f"a trial takes {options.trial_s:g} s (--trial-seconds); nothing was measured"]
    elif study.resources.gpus and not available_gpus():
        return ["no GPU is here to time a trial on: plan where one is, or give --trial-seconds"], None
    else:
        lines, timings = _pilots(study, options, sample, data, at_once=at_once)
        spreads = [trial_spread(config, timings) for config in sample]
    # A design that learns will give others like those that are known.
    expected = forecast(
        [spreads[index % len(spreads)] for index in range(n_left)], study.resources, at_once=at_once
    )
    return [*lines, *_forecast_text(study, options, expected)], expected


def _pilots(
    study: Study,
    options: PlanOptions,
    sample: Sequence[TrialConfig],
    data: Mapping[DataRequest, TaskData],
    *,
    at_once: int,
) -> tuple[list[str], dict[Kind, list[Timing]]]:
    """Time pilots on this machine, and say what they showed."""
    here = trials_at_once(study.resources, cpus=available_cpus(), gpus=available_gpus())
    n_processes = max(1, min(at_once, here, len(sample)))
    configs = measured_kinds(sample)
    device = "cuda" if study.resources.gpus else "cpu"
    timings = run_pilots(
        options.run_trial,
        configs,
        data,
        at_once=n_processes,
        threads=max(1, int(study.resources.cpus)),
        device=device,
        target_s=options.pilot_s,
    )
    lines = [f"pilot trials, {n_processes} at a time on this machine ({device}), set-up and scoring apart:"]
    lines += [_timing_text(config, timings[kind_of(config)]) for config in configs]
    others = sum(kind_of(config) not in timings for config in sample)
    if others:
        lines.append(f"  {others} trials of other kinds: in proportion to the length of a batch")
    return lines, timings


def _timing_text(config: TrialConfig, found: Sequence[Timing]) -> str:
    """What the pilots of one kind showed."""
    mean = trial_spread(config, {kind_of(config): found})
    setup_s = statistics.fmean(timing.setup_s for timing in found)
    iteration_ms = 1000 * statistics.fmean(timing.iteration_s for timing in found)
    longest = max(timing.iterations for timing in found)
    how = "a whole trial" if longest >= config.iterations else f"from runs of {longest} iterations"
    return (
        f"  {config.task}, {config.loss}, {config.network}: {mean.expected:.3g} s a trial "
        f"({mean.low:.3g} to {mean.high:.3g} s), {setup_s:.2g} s + {config.iterations} iterations of "
        f"{iteration_ms:.3g} ms, {how}"
    )


def _forecast_text(study: Study, options: PlanOptions, expected: Forecast) -> list[str]:
    """Hours, their range, resources and cost."""
    hours = expected.hours
    low, middle, high = (duration_text(3600 * part) for part in (hours.low, hours.expected, hours.high))
    lines = [
        *([_STOPPED_EARLY] if study.stop_early is not None else []),
        f"expected: {middle} ({low} to {high}) with {expected.at_once} trials at a time; "
        "the start of Ray and dispatch are not in it",
        f"in all {expected.cpu_hours:.3g} CPU-hours, {expected.gpu_hours:.3g} GPU-hours",
    ]
    if options.price_per_hour is not None:
        cost = hours.scaled(options.price_per_hour)
        spread = f"{cost.expected:.2f} ({cost.low:.2f} to {cost.high:.2f})"
        lines.append(f"cost: {spread} at {options.price_per_hour:g} an hour")
    return lines
