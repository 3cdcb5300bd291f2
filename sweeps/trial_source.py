"""Which trial comes next: the design's points, less what is already there."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

from sweeps.planning import PlannedTrial, Planner
from sweeps.store import StoredTrial

__all__ = ["TrialSource"]


class TrialSource:
    """The missing trials of a study, one after the other.

    A trial is missing unless it is stored as completed; failed ones are run again.

    Attributes:
        n_designed: Trials that the study asks for; identical ones count once.
        n_kept: Of these, stored as completed.
    """

    def __init__(self, planner: Planner, stored: Mapping[str, StoredTrial]) -> None:
        planned = planner.all_trials()
        completed = {identity for identity, trial in stored.items() if trial.status == "completed"}
        self._queue = deque(trial for trial in planned if trial.trial_id not in completed)
        self.n_designed = len(planned)
        self.n_kept = len(planned) - len(self._queue)

    @property
    def n_left(self) -> int:
        """Trials that `next` has still to give."""
        return len(self._queue)

    def next(self) -> PlannedTrial | None:
        """The next missing trial, or None when all were given."""
        return self._queue.popleft() if self._queue else None

    def tell(self, trial_id: str, value: float | None) -> None:
        """What a trial gave; None when it failed."""
