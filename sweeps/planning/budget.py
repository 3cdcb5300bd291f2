"""The most that one `softloc run` may spend: hours, trials, failures. The next run continues from there."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

from softloc_core.errors import ConfigError
from sweeps.planning.planner import PlannedTrial
from sweeps.planning.source import TrialSource
from sweeps.storage import Row

__all__ = ["UNLIMITED", "Budget", "BudgetedSource"]


@dataclass(frozen=True, kw_only=True)
class Budget:
    """The most that one run may spend; None means no limit.

    Attributes:
        max_hours: Hours after which no new trial starts, > 0.
        max_trials: Number of trials to start, >= 1.
        max_failures: Number of failed trials after which no new trial starts, >= 1.

    Raises:
        ConfigError: A limit out of its range.
    """

    max_hours: float | None = None
    max_trials: int | None = None
    max_failures: int | None = None

    def __post_init__(self) -> None:
        if self.max_hours is not None and not 0 < self.max_hours < math.inf:
            raise ConfigError(f"--max-hours must be above 0, but got {self.max_hours:g}")
        for name, value in (("trials", self.max_trials), ("failures", self.max_failures)):
            if value is not None and value < 1:
                raise ConfigError(f"--max-{name} must be at least 1, but got {value}")


UNLIMITED = Budget()


class BudgetedSource:
    """The trials of another source until a budget is spent; running trials are finished.

    Hours count from the construction of this source. Trials that already wait for a free worker when a limit
    is reached still run. There are at most as many of these as there are workers.
    """

    def __init__(
        self, source: TrialSource, budget: Budget, *, clock_s: Callable[[], float] = time.monotonic
    ) -> None:
        self._source, self._budget, self._clock_s = source, budget, clock_s
        self._started_s = clock_s()
        self._n_started = 0
        self._n_failed = 0
        self.n_designed, self.n_kept = source.n_designed, source.n_kept
        self.n_kept_stopped = source.n_kept_stopped

    @property
    def n_left(self) -> int:
        """Largest number of trials that `next` can still return."""
        left, most = self._source.n_left, self._budget.max_trials
        return left if most is None else min(left, most - self._n_started)

    @property
    def is_sequential(self) -> bool:
        """Whether later trials depend on earlier results."""
        return self._source.is_sequential

    @property
    def summary(self) -> str | None:
        """What the design has to report at the end, or None."""
        return self._source.summary

    def next(self) -> PlannedTrial | None:
        """Return the next missing trial, or None if there are no more or the budget is spent."""
        if self.spent is not None:
            return None
        trial = self._source.next()
        self._n_started += trial is not None
        return trial

    def tell(self, trial_id: str, row: Row | None) -> None:
        """Pass on a trial's row of the trials table, or None if the trial failed."""
        self._n_failed += row is None
        self._source.tell(trial_id, row)

    @property
    def spent(self) -> str | None:
        """The limit that was reached while trials are left, as text; None if there is none."""
        budget = self._budget
        if not self._source.n_left:
            return None
        if budget.max_failures is not None and self._n_failed >= budget.max_failures:
            return f"{self._n_failed} trials failed (--max-failures {budget.max_failures})"
        if budget.max_trials is not None and self._n_started >= budget.max_trials:
            return f"{self._n_started} trials were run (--max-trials {budget.max_trials})"
        hours = (self._clock_s() - self._started_s) / 3600
        if budget.max_hours is not None and hours >= budget.max_hours:
            return f"{hours:.3g} hours have passed (--max-hours {budget.max_hours:g})"
        return None
