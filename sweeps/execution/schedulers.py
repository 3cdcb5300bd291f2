"""Ray Tune's schedulers as early stopping uses them: none waits for other trials, none pauses one."""

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
    """A report as the schedulers read it: a score, larger being better, and the fraction it stands for."""
    return {SCORE: score, FRACTION: fraction}


def no_report() -> dict[str, float]:
    """What a trial that failed reports: a point before all others, which no scheduler compares with."""
    return report(0.0, 0.0)


class _Median(MedianStoppingRule):
    """The median rule without the records that reports carry, of which it would keep every one."""

    def on_trial_result(self, tune_controller: Any, trial: Any, result: Mapping[str, Any]) -> str:
        """Judge a report."""
        return str(super().on_trial_result(tune_controller, trial, _slim(result)))

    def on_trial_complete(self, tune_controller: Any, trial: Any, result: Mapping[str, Any]) -> None:
        """Note an end."""
        super().on_trial_complete(tune_controller, trial, _slim(result))


def make_scheduler(stopping: EarlyStopping, stored: Iterable[Mapping[str, Any]] = ()) -> TrialScheduler:
    """The scheduler of a rule, told what stored trials had reported.

    `hyperband` is the asynchronous one (several brackets of ASHA, Li et al. 2020, section 3.2). Ray's
    synchronous `HyperBandScheduler` pauses trials until all of their bracket have reported, and never goes on
    with them when one of these fails after the first round: one bad trial would end a study. The median rule
    never pauses a trial either, as it would where there are too few to compare with.

    Args:
        stopping: What a study asks for.
        stored: Rows of `trials` that ended earlier, so that a study that goes on judges as if it had not
            been interrupted.
    """
    scheduler = _scheduler(stopping)
    for row in stored:
        _replay(scheduler, stopping, row)
    return scheduler


def _scheduler(stopping: EarlyStopping) -> TrialScheduler:
    """The scheduler of a rule at its beginning."""
    # Fractions and infinity where Ray's signatures say whole numbers: it only compares them.
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
    """Tell what a stored trial had reported; what it decides now comes too late."""
    scores = {int(at): float(score) for at, score in json.loads(row.get("reports") or "{}").items()}
    due = stopping.reports(int(row["iterations"]))
    reports = [(due[at], score) for at, score in sorted(scores.items()) if at in due]
    if not reports:
        return
    trial: Any = _Stored(str(row["trial_id"]))
    controller: Any = _NoController()
    scheduler.on_trial_add(controller, trial)
    for fraction, score in reports:
        told = report(score, fraction)
        if scheduler.on_trial_result(controller, trial, told) == TrialScheduler.STOP:
            break
    scheduler.on_trial_complete(controller, trial, told)


@dataclass(frozen=True)
class _Stored:
    """A stored trial, as far as a scheduler looks at one."""

    trial_id: str


class _NoController:
    """Ray's controller, while no trial is under way."""

    def get_live_trials(self) -> list[Any]:
        """None."""
        return []


def _slim(result: Mapping[str, Any]) -> dict[str, Any]:
    """What a rule reads of a result."""
    return {key: result[key] for key in (FRACTION, SCORE) if key in result}
