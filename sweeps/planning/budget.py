"""What one call of `softloc run` may spend: hours, trials, failures. The next call goes on where it ended."""

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
    """The most that one call may spend; None is no limit.

    Attributes:
        max_hours: Hours after which no further trial begins, > 0.
        max_trials: Trials that are begun, >= 1.
        max_failures: Failed trials after which no further trial begins, >= 1.

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


class BudgetedSource(TrialSource):
    """The trials of another source until a budget is spent; what is in flight then is finished.

    The hours count from the making of this source. Trials that already wait for a free worker when they are
    over, or when too many have failed, are run as well: as many as there are workers at most.
    """

    def __init__(
        self, source: TrialSource, budget: Budget, *, clock_s: Callable[[], float] = time.monotonic
    ) -> None:
        self._source, self._budget, self._clock_s = source, budget, clock_s
        self._began_s = clock_s()
        self._given = 0
        self._failed = 0
        self.n_designed, self.n_kept = source.n_designed, source.n_kept
        self.n_kept_stopped = source.n_kept_stopped

    @property
    def n_left(self) -> int:
        """Trials that `next` has still to give, at most."""
        left = self._source.n_left
        return left if self._budget.max_trials is None else min(left, self._budget.max_trials - self._given)

    @property
    def is_sequential(self) -> bool:
        """Whether later trials depend on earlier results."""
        return self._source.is_sequential

    @property
    def summary(self) -> str | None:
        """What the design has to say at the end, or None."""
        return self._source.summary

    def next(self) -> PlannedTrial | None:
        """The next missing trial, or None when all were given or the budget is spent."""
        if self.spent is not None:
            return None
        trial = self._source.next()
        self._given += trial is not None
        return trial

    def tell(self, trial_id: str, row: Row | None) -> None:
        """What a trial gave; None when it failed."""
        self._failed += row is None
        self._source.tell(trial_id, row)

    @property
    def spent(self) -> str | None:
        """Which limit was reached while trials are left, in words; None while there is none."""
        budget = self._budget
        if not self._source.n_left:
            return None
        if budget.max_failures is not None and self._failed >= budget.max_failures:
            return f"{self._failed} trials failed (--max-failures {budget.max_failures})"
        if budget.max_trials is not None and self._given >= budget.max_trials:
            return f"{self._given} trials were run (--max-trials {budget.max_trials})"
        hours = (self._clock_s() - self._began_s) / 3600
        if budget.max_hours is not None and hours >= budget.max_hours:
            return f"{hours:.3g} hours are over (--max-hours {budget.max_hours:g})"
        return None
