"""The plan of a study: what it will take, reported before it runs."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from softloc_core.errors import ConfigError
from softloc_core.tasks import DataRequest, TaskData
from softloc_core.trial import TrialConfig, run_trial
from sweeps.execution import (
    RunTrial,
    available_cpus,
    available_gpus,
    duration_text,
    study_folder,
    trial_device,
)
from sweeps.forecasting.forecast import Forecast, Spread, forecast, trial_spread, trials_at_once
from sweeps.forecasting.pilot import Kind, Timing, kind_of, measured_kinds, run_pilots
from sweeps.forecasting.points import is_stored, plot_points
from sweeps.planning import (
    DataRoots,
    PlannedTrial,
    Planner,
    TrialSource,
    checked_planner,
    known_trials,
    load_data,
    trial_source,
    validate_same_study,
)
from sweeps.storage import StoredTrial, TrialStore
from sweeps.study import Study

__all__ = ["PlanOptions", "PlanReport", "plan_study"]

_STOPPED_EARLY = "trials that are stopped early take less time; the forecast is for complete trials"


@dataclass(frozen=True, kw_only=True)
class PlanOptions:
    """Options of a plan.

    Attributes:
        out: Folder that contains the study's folder.
        data_root: Folder of recorded data, if a source needs one.
        cache_dir: Folder for cached features.
        cpus: CPU cores available to the study, > 0; None for those of this machine.
        gpus: GPUs available to the study, >= 0; None for those of this machine.
        price_per_hour: Price of these resources for an hour, >= 0; None to leave out the cost.
        trial_s: Known duration of a trial in seconds, > 0; None to measure it with pilot trials.
        pilot_s: Least duration of the longest run of a pilot, in seconds, > 0.
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
    """The result of planning a study.

    Attributes:
        text: The text to print.
        picture: PNG file with the design points; None if nothing is varied.
        n_left: Largest number of trials left to run.
        forecast: Time and resources for these; None if nothing is left or could be measured.
    """

    text: str
    picture: Path | None
    n_left: int
    forecast: Forecast | None


def plan_study(study: Study, options: PlanOptions) -> PlanReport:
    """Plan a study without running it, and store only a plot of its design points.

    Raises:
        UserError: The study cannot run with its data and folder, or a trial needs more cores or GPUs than
            there are.
    """
    started = time.perf_counter()
    data = load_data(study, data_root=options.data_root, cache_dir=options.cache_dir)
    data_s = time.perf_counter() - started
    planner = checked_planner(study, data)
    folder = study_folder(study, out=options.out)
    validate_same_study(study, folder)
    at_once = _at_once(study, options)
    stored = TrialStore(folder).load() if folder.exists() else {}
    source = trial_source(planner, stored, folder)
    known = known_trials(planner, folder, at_once=at_once)
    lines = [_counted(planner, source), _known_text(study, source, known)]
    picture, plot_text = plot_points(planner, known, stored, folder)
    lines += [plot_text, f"data: loaded in {data_s:.1f} s (features are cached)"]
    done = {trial.trial_id for trial in known if is_stored(trial, stored, study)}
    lines += _stored_times(stored[identity] for identity in done)
    missing = [trial for trial in known if trial.trial_id not in done]
    sample = [trial.config for trial in missing or known]
    forecast_lines, expected = _expected(study, options, sample, source.n_left, data, at_once=at_once)
    text = "\n".join([*filter(None, lines), *forecast_lines])
    return PlanReport(text, picture, source.n_left, expected)


def _at_once(study: Study, options: PlanOptions) -> int:
    """Return how many trials run at the same time, or raise if none fits."""
    cpus, gpus = options.cpus or available_cpus(), available_gpus() if options.gpus is None else options.gpus
    at_once = trials_at_once(study.resources, cpus=cpus, gpus=gpus)
    if at_once < 1:
        wanted = f"{study.resources.cpus:g} CPUs and {study.resources.gpus:g} GPUs"
        raise ConfigError(
            f"--cpus and --gpus must be enough for one trial ({wanted}), but got {cpus:g} CPUs and {gpus:g} "
            "GPUs"
        )
    return at_once


def _counted(planner: Planner, source: TrialSource) -> str:
    """Return how many trials the study has and how many are left."""
    at_most = "at most " if source.is_sequential else ""
    return (
        f"{planner.study.name}: {at_most}{source.n_designed} trials ({planner.n_points} design points x "
        f"{planner.runs_a_point}), {source.n_kept} already stored, {source.n_left} to run"
    )


def _known_text(study: Study, source: TrialSource, known: Sequence[PlannedTrial]) -> str:
    """Return which design points are known before the study runs."""
    if not source.is_sequential:
        return f"design {study.design}: all points are known in advance"
    what = "the points so far" if source.n_kept else "the first batch"
    return (
        f"design {study.design} learns: of its points, only {what} can be planned ({len(known)} trials); the "
        "others will depend on results"
    )


def _stored_times(done: Iterable[StoredTrial]) -> list[str]:
    """Return how long the stored trials took."""
    taken = [trial.row.get("train_s") for trial in done]
    seconds = [float(value) for value in taken if value is not None]
    if not seconds:
        return []
    return [
        f"already stored: {len(seconds)} trials, trained in {statistics.fmean(seconds):.3g} s on average "
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
    """Return the forecast for the trials that are left, as lines and as numbers."""
    if not n_left:
        return ["nothing is left to run"], None
    if options.trial_s is not None:
        spreads = [Spread(options.trial_s, options.trial_s, options.trial_s)] * len(sample)
        lines = [f"a trial takes {options.trial_s:g} s (given with --trial-seconds, not measured)"]
    elif study.resources.gpus and not available_gpus():
        return ["no GPU here to time a trial: plan on a machine with one, or give --trial-seconds"], None
    else:
        lines, timings = _pilots(study, options, sample, data, at_once=at_once)
        spreads = [trial_spread(config, timings) for config in sample]
    # The later points of a design that learns are assumed to take as long as the known ones.
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
    """Time pilot trials on this machine, and return lines about them and their timings."""
    here = trials_at_once(study.resources, cpus=available_cpus(), gpus=available_gpus())
    n_processes = max(1, min(at_once, here, len(sample)))
    configs = measured_kinds(sample)
    device = trial_device(study.resources)
    timings = run_pilots(
        options.run_trial,
        configs,
        data,
        at_once=n_processes,
        device=device,
        target_s=options.pilot_s,
    )
    lines = [
        f"pilot trials, {n_processes} at a time on this machine ({device}), set-up and scoring separate:"
    ]
    lines += [_timing_text(config, timings[kind_of(config)]) for config in configs]
    others = sum(kind_of(config) not in timings for config in sample)
    if others:
        lines.append(f"  {others} trials of other kinds: estimated in proportion to the length of a batch")
    return lines, timings


def _timing_text(config: TrialConfig, found: Sequence[Timing]) -> str:
    """Return a line about the pilot trials of one kind."""
    mean = trial_spread(config, {kind_of(config): found})
    setup_s = statistics.fmean(timing.setup_s for timing in found)
    iteration_ms = 1000 * statistics.fmean(timing.iteration_s for timing in found)
    longest = max(timing.iterations for timing in found)
    how = "a complete trial" if longest >= config.iterations else f"from runs of {longest} iterations"
    return (
        f"  {config.task}, {config.loss}, {config.network}: {mean.expected:.3g} s a trial "
        f"({mean.low:.3g} to {mean.high:.3g} s), {setup_s:.2g} s + {config.iterations} iterations of "
        f"{iteration_ms:.3g} ms, {how}"
    )


def _forecast_text(study: Study, options: PlanOptions, expected: Forecast) -> list[str]:
    """Return lines with the hours, their range, the resources and the cost."""
    hours = expected.hours
    low, middle, high = (duration_text(3600 * part) for part in (hours.low, hours.expected, hours.high))
    lines = [
        *([_STOPPED_EARLY] if study.stop_early is not None else []),
        f"expected: {middle} ({low} to {high}) with {expected.at_once} trials at a time; "
        "this does not include starting Ray and dispatching trials",
        f"in total {expected.cpu_hours:.3g} CPU-hours, {expected.gpu_hours:.3g} GPU-hours",
    ]
    if options.price_per_hour is not None:
        cost = hours.scaled(options.price_per_hour)
        spread = f"{cost.expected:.2f} ({cost.low:.2f} to {cost.high:.2f})"
        lines.append(f"cost: {spread} at {options.price_per_hour:g} per hour")
    return lines
