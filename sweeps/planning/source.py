"""Which trial runs next: the trials of the design's points that are not stored yet."""

from __future__ import annotations

import json
import logging
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from sweeps.designs import Point, Value
from sweeps.planning.planner import PlannedTrial, Planner, TaskPlanner
from sweeps.redaction import redacted
from sweeps.storage import Row, StoredTrial, StudyFolder
from sweeps.study import Study, mean_value, value_of

__all__ = [
    "POINTS_FILE",
    "FixedSource",
    "LearningSource",
    "TrialSource",
    "is_final",
    "known_trials",
    "trial_source",
]

logger = logging.getLogger(__name__)
POINTS_FILE = "points.json"
"""Where a design that learns stores the points it proposed."""
_RETRY_S = 1.0


def is_final(trial: StoredTrial, study: Study) -> bool:
    """Whether a stored trial is not run again: completed, or stopped early by a study that stops early."""
    return trial.status == "completed" or (trial.status == "stopped" and study.stop_early is not None)


class TrialSource(Protocol):
    """The missing trials of a study, one after the other.

    A trial is missing unless its stored result `is_final`. Failed trials run again, after all others. So do
    stopped trials if the study no longer stops early.

    Attributes:
        n_designed: Trials that the study asks for; identical ones count once.
        n_kept: Trials among these with a final stored result.
        n_kept_stopped: Trials among the kept ones that were stopped early.
    """

    n_designed: int
    n_kept: int
    n_kept_stopped: int

    @property
    def n_left(self) -> int:
        """Largest number of trials that `next` can still return."""
        ...

    @property
    def is_sequential(self) -> bool:
        """Whether later trials depend on earlier results."""
        ...

    @property
    def summary(self) -> str | None:
        """What the design has to report at the end, or None."""
        ...

    def next(self) -> PlannedTrial | None:
        """Return the next missing trial, or None if there are no more."""
        ...

    def tell(self, trial_id: str, row: Row | None) -> None:
        """Pass on a trial's row of the trials table, or None if the trial failed."""
        ...


class FixedSource:
    """The missing trials of a design that does not learn."""

    is_sequential = False
    summary = None

    def __init__(self, planner: Planner, stored: Mapping[str, StoredTrial]) -> None:
        planned = planner.all_trials()
        final = {i: trial for i, trial in stored.items() if is_final(trial, planner.study)}
        missing = [trial for trial in planned if trial.setting_id not in final]
        self._queue = deque(sorted(missing, key=lambda trial: trial.setting_id in stored))
        self.n_designed = len(planned)
        self.n_kept = len(planned) - len(self._queue)
        self.n_kept_stopped = _n_stopped(final, (trial.setting_id for trial in planned))

    @property
    def n_left(self) -> int:
        """Number of trials that `next` has not returned yet."""
        return len(self._queue)

    def next(self) -> PlannedTrial | None:
        """Return the next missing trial, or None if there are no more."""
        return self._queue.popleft() if self._queue else None

    def tell(self, trial_id: str, row: Row | None) -> None:
        """Ignore a result: the design does not learn."""


class LearningSource:
    """The missing trials of a design that learns.

    The design receives the result of a trial that was stopped early as it was at that point, which is usually
    less than the full result. Every point is stored before its trials are returned. A resumed study therefore
    runs the trials that an earlier driver had started, passes the stored results to the design, and asks it
    for the rest of the budget only. While the folder cannot be written (a full disk), no further trial is
    returned; running trials are not affected.
    """

    is_sequential = True

    def __init__(
        self,
        planner: TaskPlanner,
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
        self._points = _stored_points(folder)
        final = {i: trial for i, trial in stored.items() if is_final(trial, planner.study)}
        self._values = {i: value_of(trial.row, self._objectives) for i, trial in final.items()}
        for number, point in enumerate(self._points):
            self._add(number, point)
        self._asked = len(self._points)
        self.n_designed = planner.n_points * planner.runs_a_point
        self.n_kept = sum(setting in self._values for setting in self._seen)
        self.n_kept_stopped = _n_stopped(final, self._seen)

    @property
    def n_left(self) -> int:
        """Largest number of trials that `next` can still return."""
        points_left = 0 if self._design.is_known else max(0, self._planner.n_points - self._asked)
        return len(self._queue) + points_left * self._planner.runs_a_point

    @property
    def summary(self) -> str | None:
        """What the design has to report at the end, in trials, or None."""
        return self._design.summary(runs_a_point=self._planner.runs_a_point)

    def next(self) -> PlannedTrial | None:
        """Return the next missing trial; ask the design for a point if no trial is waiting."""
        while not self._queue:
            point = self._design.ask() if self._asked < self._planner.n_points else None
            if point is None:
                return None
            if point in self._points:
                # When a study is resumed, the design may first repeat points that are stored already.
                continue
            self._points.append(point)
            self._store_points()
            self._asked += 1
            self._add(self._asked - 1, point)
        return self._queue.popleft()

    def tell(self, trial_id: str, row: Row | None) -> None:
        """Pass on a result; the design receives the mean of a point's trials when all have ended."""
        number = self._owner.get(trial_id)
        if number is None or trial_id not in self._waiting[number]:
            return
        self._open[number][trial_id] = None if row is None else value_of(row, self._objectives)
        self._waiting[number].discard(trial_id)
        self._close(number)

    def _store_points(self) -> None:
        """Store the points, and retry until it works: a trial whose point is not stored would be lost."""
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
                        f"cannot write {POINTS_FILE} to the study's folder ({problem}): no new trials start "
                        "until it can be written; retrying every second"
                    )
                said = True
                time.sleep(_RETRY_S)

    def _add(self, number: int, point: Point) -> None:
        """Queue the trials of a point that are not stored."""
        trials = {trial.trial_id: trial for trial in self._planner.trials(point, number=number)}
        self._open[number] = {i: self._values.get(trial.setting_id) for i, trial in trials.items()}
        known = self._values.keys() | self._seen
        missing = {i: trial for i, trial in trials.items() if trial.setting_id not in known}
        self._seen |= {trial.setting_id for trial in trials.values()}
        self._waiting[number] = set(missing)
        self._owner |= dict.fromkeys(missing, number)
        self._queue.extend(missing.values())
        self._close(number)

    def _close(self, number: int) -> None:
        """Pass the result of a point to the design once all of its trials have ended."""
        if self._waiting[number]:
            return
        value = mean_value(list(self._open.pop(number).values()))
        self._design.tell(dict(self._points[number]), value)


def _stored_points(folder: StudyFolder) -> list[Point]:
    """Return the points that a design proposed earlier; none if the folder has no file of them."""
    content = folder.read(POINTS_FILE)
    points: list[Point] = json.loads(content) if content else []
    return points


def _n_stopped(final: Mapping[str, StoredTrial], settings: Iterable[str]) -> int:
    """Return how many of these trials were stopped early."""
    return sum(one in final and final[one].status == "stopped" for one in settings)


def trial_source(
    planner: Planner,
    stored: Mapping[str, StoredTrial],
    folder: StudyFolder,
    *,
    say: Callable[[str], None] = logger.warning,
) -> TrialSource:
    """Return the source for a study's design.

    Args:
        planner: The study's planner.
        stored: The stored trials.
        folder: Where a design that learns stores its points.
        say: Prints a message if the folder cannot be written.
    """
    by_setting = {trial.setting_id: trial for trial in stored.values()}
    if isinstance(planner, TaskPlanner) and planner.is_sequential:
        return LearningSource(planner, by_setting, folder, say)
    return FixedSource(planner, by_setting)


def known_trials(planner: Planner, folder: StudyFolder, *, at_once: int) -> list[PlannedTrial]:
    """Return the trials that are known before the study runs.

    These are all trials of a design that does not learn. For a design that learns, they are the trials of its
    stored points, or of its first batch if it has none.

    Args:
        planner: The study's planner.
        folder: Where a design that learns stores its points.
        at_once: Number of trials that run at the same time, which is the size of a batch.
    """
    if not (isinstance(planner, TaskPlanner) and planner.is_sequential):
        return planner.all_trials()
    points = _stored_points(folder)
    if not points:
        design = planner.design()
        batch = (design.ask() for _ in range(max(1, -(-at_once // planner.runs_a_point))))
        points = [point for point in batch if point is not None]
    trials = (trial for number, point in enumerate(points) for trial in planner.trials(point, number=number))
    return list({trial.trial_id: trial for trial in trials}.values())
