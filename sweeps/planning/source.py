"""Which trial comes next: the design's points, less what is already there."""

from __future__ import annotations

import json
import logging
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from sweeps.designs import Value
from sweeps.planning.planner import PlannedTrial, Planner
from sweeps.redaction import redacted
from sweeps.storage import Row, StoredTrial, StudyFolder
from sweeps.study import Study, mean_value, value_of

__all__ = ["POINTS_FILE", "TrialSource", "stands", "trial_source"]

logger = logging.getLogger(__name__)
# Where a design that learns writes down what it gave.
POINTS_FILE = "points.json"
_RETRY_S = 1.0


def stands(trial: StoredTrial, study: Study) -> bool:
    """Whether a stored trial is not run again: completed, or stopped early in a study that stops early."""
    return trial.status == "completed" or (trial.status == "stopped" and study.stop_early is not None)


class TrialSource:
    """The missing trials of a study, one after the other.

    A trial is missing unless what is stored of it `stands`; failed ones are run again, after all others, and
    so are stopped ones where the study does not stop early any more.

    Attributes:
        n_designed: Trials that the study asks for; identical ones count once.
        n_kept: Of these, those that stand.
        n_kept_stopped: Of those kept, stopped early.
    """

    def __init__(self, planner: Planner, stored: Mapping[str, StoredTrial]) -> None:
        planned = planner.all_trials()
        standing = {i: trial for i, trial in stored.items() if stands(trial, planner.study)}
        missing = [trial for trial in planned if trial.trial_id not in standing]
        self._queue = deque(sorted(missing, key=lambda trial: trial.trial_id in stored))
        self.n_designed = len(planned)
        self.n_kept = len(planned) - len(self._queue)
        self.n_kept_stopped = _n_stopped(standing, (trial.trial_id for trial in planned))

    @property
    def summary(self) -> str | None:
        """What the design has to say at the end, or None."""
        return None

    @property
    def n_left(self) -> int:
        """Trials that `next` has still to give, at most."""
        return len(self._queue)

    @property
    def is_sequential(self) -> bool:
        """Whether later trials depend on earlier results."""
        return False

    def next(self) -> PlannedTrial | None:
        """The next missing trial, or None when all were given."""
        return self._queue.popleft() if self._queue else None

    def tell(self, trial_id: str, row: Row | None) -> None:
        """What a trial gave, as its row of the trials; None when it failed."""


class SequentialSource(TrialSource):
    """The missing trials of a design that learns.

    A trial that was stopped early is told with what it reached, as a rule less than it would have come to.
    Every point is written down before its trials are given out. So a study that goes on runs what an earlier
    driver had begun, tells the design what is stored, and asks for the rest of the budget only. While the
    folder takes nothing (a disk that is full) no further trial is given out; what runs is not touched.
    """

    def __init__(
        self,
        planner: Planner,
        stored: Mapping[str, StoredTrial],
        folder: StudyFolder,
        say: Callable[[str], None] = logger.warning,
    ) -> None:
        self._planner, self._folder, self._say = planner, folder, say
        self._objectives = planner.study.objectives
        self._design = planner.design()
        self._queue: deque[PlannedTrial] = deque()
        self._open: dict[int, dict[str, Value | None]] = {}
        self._owner: dict[str, int] = {}
        self._waiting: dict[int, set[str]] = {}
        self._seen: set[str] = set()
        content = folder.read(POINTS_FILE)
        self._points: list[dict[str, Any]] = json.loads(content) if content else []
        standing = {i: trial for i, trial in stored.items() if stands(trial, planner.study)}
        self._values = {i: value_of(trial.row, self._objectives) for i, trial in standing.items()}
        for number, point in enumerate(self._points):
            self._add(number, point)
        self._asked = len(self._points)
        self.n_designed = planner.n_points * planner.runs_a_point
        self.n_kept = sum(identity in self._values for identity in self._seen)
        self.n_kept_stopped = _n_stopped(standing, self._seen)

    @property
    def n_left(self) -> int:
        """Trials that `next` has still to give, at most."""
        points_left = 0 if self._design.is_known else max(0, self._planner.n_points - self._asked)
        return len(self._queue) + points_left * self._planner.runs_a_point

    @property
    def is_sequential(self) -> bool:
        """Whether later trials depend on earlier results."""
        return True

    @property
    def summary(self) -> str | None:
        """What the design has to say at the end, in trials."""
        return self._design.summary(runs_a_point=self._planner.runs_a_point)

    def next(self) -> PlannedTrial | None:
        """The next missing trial; the design is asked when none is waiting."""
        while not self._queue:
            point = self._design.ask() if self._asked < self._planner.n_points else None
            if point is None:
                return None
            if point in self._points:
                # A design that goes on may begin with points that an earlier driver was given already.
                continue
            self._points.append(point)
            self._write_down()
            self._asked += 1
            self._add(self._asked - 1, point)
        return self._queue.popleft()

    def tell(self, trial_id: str, row: Row | None) -> None:
        """What a trial gave; the design hears of a point, as the mean of its trials, when all have ended."""
        number = self._owner.get(trial_id)
        if number is None or trial_id not in self._waiting[number]:
            return
        self._open[number][trial_id] = None if row is None else value_of(row, self._objectives)
        self._waiting[number].discard(trial_id)
        self._close(number)

    def _write_down(self) -> None:
        """Keep the points, however long it takes: a trial whose point is not written would be lost."""
        content = json.dumps(self._points).encode()
        said = False
        while True:
            try:
                self._folder.write(POINTS_FILE, content)
                return
            except OSError as error:
                problem = redacted(str(error)).splitlines()[0]
                logger.warning("writing %s: %s", POINTS_FILE, problem)
                if not said:
                    self._say(
                        f"the study's folder takes no point of the design ({problem}); the next trial "
                        "waits, and it is tried again every second"
                    )
                said = True
                time.sleep(_RETRY_S)

    def _add(self, number: int, point: dict[str, Any]) -> None:
        """Queue the trials of a point that are not stored."""
        trials = {trial.trial_id: trial for trial in self._planner.trials(point)}
        self._open[number] = {identity: self._values.get(identity) for identity in trials}
        missing = {i: t for i, t in trials.items() if i not in self._values and i not in self._seen}
        self._seen |= set(trials)
        self._waiting[number] = set(missing)
        self._owner |= dict.fromkeys(missing, number)
        self._queue.extend(missing.values())
        self._close(number)

    def _close(self, number: int) -> None:
        """Tell the design of a point whose trials have all ended."""
        if self._waiting[number]:
            return
        value = mean_value(list(self._open.pop(number).values()))
        self._design.tell(dict(self._points[number]), value)


def _n_stopped(standing: Mapping[str, StoredTrial], identities: Iterable[str]) -> int:
    """How many of these trials were stopped early."""
    return sum(i in standing and standing[i].status == "stopped" for i in identities)


def trial_source(
    planner: Planner,
    stored: Mapping[str, StoredTrial],
    folder: StudyFolder,
    *,
    say: Callable[[str], None] = logger.warning,
) -> TrialSource:
    """The source that suits the study's design.

    Args:
        planner: The study's trials.
        stored: What is there already.
        folder: Where a design that learns writes down its points.
        say: Tells the user that the folder takes nothing.
    """
    if planner.design().is_sequential:
        return SequentialSource(planner, stored, folder, say)
    return TrialSource(planner, stored)
