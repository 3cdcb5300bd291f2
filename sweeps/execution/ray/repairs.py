"""Repairs of Ray Tune's controller (2.60), where its behaviour costs a trial or memory."""

from __future__ import annotations

import logging
from typing import Any

from ray.exceptions import RayActorError
from ray.tune.execution.tune_controller import TuneController
from ray.tune.experiment import Trial

__all__ = ["repair_retries", "slim"]

logger = logging.getLogger(__name__)
_original = TuneController._process_trial_failure


def repair_retries() -> None:
    """Retry a trial whose worker dies during the hand-over of the trial, like any other trial.

    Tune receives such a death twice, from the worker and from the hand-over. At the second one the trial
    waits for its restart, and Tune then ends a waiting trial for good, even if it has retries left. A trial
    whose hand-over failed would also count as being handed over forever, and would never restart.
    """
    TuneController._process_trial_failure = _process_trial_failure  # type: ignore[method-assign]


def _process_trial_failure(self: Any, trial: Any, exception: Any) -> None:
    """Replace the controller's method of this name."""
    is_handed_over = trial in self._resetting_trials
    self._resetting_trials.discard(trial)
    if trial.status == Trial.PENDING and isinstance(exception, RayActorError):
        if not is_handed_over:
            logger.info("the death of the worker of trial %s was reported twice", trial)
            return
        # The controller does the same if a worker dies at its start.
        self._set_trial_status(trial, Trial.RUNNING)
    _original(self, trial, exception=exception)


def slim(trial: Any) -> None:
    """Free memory of a trial that has ended; Tune keeps every trial of a study in memory.

    12 of its 24 kB a trial are moving averages over the results of the trial, but our trials have one result.
    """
    trial.run_metadata.metric_analysis = {}
    trial.run_metadata.metric_n_steps = {}
    trial.run_metadata.last_result = {}
