"""Ray Tune's schedulers, set up for early stopping without ever pausing a trial."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ray.tune.schedulers import AsyncHyperBandScheduler, MedianStoppingRule, TrialScheduler

from sweeps.study import EarlyStopping

__all__ = ["make_scheduler", "no_report", "report"]

SCORE, FRACTION = "score", "fraction"


def report(score: float, fraction: float) -> dict[str, float]:
    """Return a report for the schedulers: a score, larger being better, and the fraction it counts as."""
    return {SCORE: score, FRACTION: fraction}


def no_report() -> dict[str, float]:
    """Return the report of a failed trial: a point before all others, so no scheduler compares with it."""
    return report(0.0, 0.0)


class _Median(MedianStoppingRule):
    """The median rule without the records in the reports, all of which it would keep in memory."""

    def on_trial_result(self, tune_controller: Any, trial: Any, result: Mapping[str, Any]) -> str:
        """Decide whether a trial continues after a report."""
        return str(super().on_trial_result(tune_controller, trial, _slim(result)))

    def on_trial_complete(self, tune_controller: Any, trial: Any, result: Mapping[str, Any]) -> None:
        """Record the end of a trial."""
        super().on_trial_complete(tune_controller, trial, _slim(result))


def make_scheduler(stopping: EarlyStopping, stored: Iterable[Mapping[str, Any]] = ()) -> TrialScheduler:
    """Return the scheduler of a rule, after replaying the reports of stored trials.

    `hyperband` is the asynchronous variant (several brackets of ASHA, Li et al. 2020, section 3.2). Ray's
    synchronous `HyperBandScheduler` pauses trials until all trials of their bracket have reported. If one of
    these fails after the first round, it never resumes the others, so one failed trial would end a study. The
    median rule is set up so that it never pauses a trial either, even if there are too few to compare with.

    Args:
        stopping: The study's rule for early stopping.
        stored: Rows of `trials` that ended earlier, oldest first. With these, a resumed study judges trials
            as if it had not been interrupted.
    """
    scheduler = _scheduler(stopping)
    for row in stored:
        _replay(scheduler, stopping, row)
    return scheduler


def _scheduler(stopping: EarlyStopping) -> TrialScheduler:
    """Return the scheduler of a rule, before any report."""
    # Ray's signatures ask for whole numbers, but it only compares them, so fractions and infinity work.
    options: dict[str, Any] = dict(stopping.options)
    common: dict[str, Any] = {"time_attr": FRACTION, "metric": SCORE, "mode": "max"}
    if stopping.rule == "median":
        never: dict[str, Any] = {"min_time_slice": math.inf}
        return _Median(
            **common,
            grace_period=options["grace"],
            min_samples_required=int(options["trials"]),
            **never,
        )
    whole: dict[str, Any] = {"max_t": 1.0}
    return AsyncHyperBandScheduler(
        **common,
        **whole,
        grace_period=options["grace"],
        reduction_factor=options["reduction"],
        brackets=int(options.get("brackets", 1)),
    )


def _replay(scheduler: TrialScheduler, stopping: EarlyStopping, row: Mapping[str, Any]) -> None:
    """Pass on what a stored trial had reported, and ignore the scheduler's decisions."""
    scores = {int(at): float(score) for at, score in json.loads(row.get("reports") or "{}").items()}
    due = stopping.reports(int(row["iterations"]))
    reports = [(due[at], score) for at, score in sorted(scores.items()) if at in due]
    if not reports:
        return
    trial: Any = _Stored(str(row["trial_id"]))
    controller: Any = _NoController()
    scheduler.on_trial_add(controller, trial)
    for fraction, score in reports:
        last = report(score, fraction)
        if scheduler.on_trial_result(controller, trial, last) == TrialScheduler.STOP:
            break
    scheduler.on_trial_complete(controller, trial, last)


@dataclass(frozen=True)
class _Stored:
    """The part of a stored trial that a scheduler reads."""

    trial_id: str


class _NoController:
    """Ray's controller while no trial is running."""

    def get_live_trials(self) -> list[Any]:
        """Return no trials."""
        return []


def _slim(result: Mapping[str, Any]) -> dict[str, Any]:
    """Return the part of a result that a rule reads."""
    return {key: result[key] for key in (FRACTION, SCORE) if key in result}
