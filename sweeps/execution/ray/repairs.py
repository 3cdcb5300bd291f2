"""What Ray Tune's controller (2.60) does to trials, mended from outside where it costs a trial or memory."""

from __future__ import annotations

import logging
from typing import Any

from ray.exceptions import RayActorError
from ray.tune.execution.tune_controller import TuneController
from ray.tune.experiment import Trial

__all__ = ["repair_retries", "slim"]

logger = logging.getLogger(__name__)
_tell_failure = TuneController._process_trial_failure


def repair_retries() -> None:
    """Let a trial whose worker dies while it is handed over to it be tried again, as any other.

    Such a death is told twice, by the worker and by the hand-over. At the second telling the trial waits to
    be started again, and Tune ends a waiting trial for good, however many retries it has left. A trial whose
    hand-over failed would also count as being handed over for ever, and would never be started again.
    """
    TuneController._process_trial_failure = _process_trial_failure  # type: ignore[method-assign]


def _process_trial_failure(self: Any, trial: Any, exception: Any) -> None:
    """Take the place of the controller's method of this name."""
    is_handed_over = trial in self._resetting_trials
    self._resetting_trials.discard(trial)
    if trial.status == Trial.PENDING and isinstance(exception, RayActorError):
        if not is_handed_over:
            logger.info("the death of the worker of trial %s was told twice", trial)
            return
        # As the controller does where a worker dies at its start.
        self._set_trial_status(trial, Trial.RUNNING)
    _tell_failure(self, trial, exception=exception)


def slim(trial: Any) -> None:
    """Drop what Tune keeps of a trial that has ended: it holds every trial of a study in memory.

    Of its 24 kB a trial, 12 kB are moving averages over the results of a trial, of which ours have one.
    """
    trial.run_metadata.metric_analysis = {}
    trial.run_metadata.metric_n_steps = {}
    trial.run_metadata.last_result = {}
