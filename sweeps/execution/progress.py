"""The progress of a running study: a live line on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from datetime import datetime, timedelta

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

__all__ = ["Counts", "ProgressLine", "duration_text"]

_PLAIN_EVERY_S = 10.0
_PACE_EVERY_S = 5.0
_RECENT_S = 600.0
_FEW_TRIALS = 5


@dataclass
class Counts:
    """How far a study is, in numbers of trials.

    Attributes:
        designed: Trials that the study asks for.
        kept: Trials with a final result from an earlier driver: completed, or stopped early if the study
            stops early.
        done: Trials that this driver completed.
        failed: Trials that failed under this driver.
        stopped: Trials that this driver stopped early.
        kept_stopped: Trials among the kept ones that were stopped early.
        running: Trials on a worker now.
        retried: Restarts after a worker died.
        at_most: Most trials that this driver runs; None for all.
    """

    designed: int
    kept: int = 0
    done: int = 0
    failed: int = 0
    stopped: int = 0
    kept_stopped: int = 0
    running: int = 0
    retried: int = 0
    at_most: int | None = None

    @property
    def left(self) -> int:
        """Trials that this driver still has to run or finish."""
        missing = self.designed - self.kept - self.ended
        return missing if self.at_most is None else min(missing, self.at_most - self.ended)

    @property
    def ended(self) -> int:
        """Trials that ended under this driver: completed, stopped or failed."""
        return self.done + self.stopped + self.failed

    @property
    def completed(self) -> int:
        """Completed trials of the study, from all drivers."""
        return self.kept - self.kept_stopped + self.done

    @property
    def stopped_early(self) -> int:
        """Trials of the study that were stopped early, by all drivers."""
        return self.kept_stopped + self.stopped


def duration_text(seconds: float) -> str:
    """Return a duration for people to read: `45 s`, `12 min`, `3 h 05 min`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02d} min"


class ProgressLine:
    """Shows the counts and when the study is expected to finish.

    The estimate uses the pace of the last ten minutes, because clusters grow and shrink. If fewer than five
    trials ended in that time, it uses the mean pace since this driver started its first trial.
    """

    def __init__(self, counts: Counts, *, console: Console | None = None) -> None:
        self.counts = counts
        self.console = console or Console(file=sys.stdout, highlight=False, soft_wrap=True)
        # Times and the number of trials ended by then, oldest first.
        self._ended: list[tuple[float, int]] = []
        self._said_s = -_PLAIN_EVERY_S
        self._live: Progress | None = None

    def __enter__(self) -> ProgressLine:
        if self.console.is_terminal:
            self._live = Progress(
                BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"), console=self.console
            )
            self._task = self._live.add_task(
                "starting", total=self.counts.designed, completed=self.counts.kept
            )
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self.update()
            self._live.stop()

    def say(self, text: str) -> None:
        """Print a line above the live one."""
        self.console.print(text, markup=False)

    def update(self) -> None:
        """Show the current counts. This is cheap, so it may be called often."""
        self._note_pace()
        if self._live is not None:
            done = self.counts.kept + self.counts.ended
            self._live.update(self._task, completed=done, description=self.text())
        elif time.monotonic() - self._said_s >= _PLAIN_EVERY_S:
            self._said_s = time.monotonic()
            self.say(f"{self.counts.completed} of {self.counts.designed} done, {self.text()}")

    def text(self) -> str:
        """Return the live line: failed and running trials, and when the study is expected to finish."""
        parts = [f"{self.counts.failed} failed", f"{self.counts.running} running"]
        if self.counts.stopped_early:
            parts.insert(0, f"{self.counts.stopped_early} stopped early")
        left_s = self.expected_s()
        if left_s is not None:
            finish = datetime.now() + timedelta(seconds=left_s)
            parts.append(f"finish {finish:%H:%M} (in {duration_text(left_s)})")
        return ", ".join(parts)

    def expected_s(self) -> float | None:
        """Return the seconds until the last trial is expected to end, or None if it is too early to tell."""
        per_minute = self.per_minute()
        return None if per_minute is None else 60.0 / per_minute * self.counts.left

    def per_minute(self) -> float | None:
        """Return how many trials end in a minute, or None if it is too early to tell."""
        if not self._ended:
            return None
        now_s = time.monotonic()
        recent = [one for one in self._ended if one[0] >= now_s - _RECENT_S]
        (first_s, first), last = self._ended[0], self.counts.ended
        if recent and last - recent[0][1] >= _FEW_TRIALS:
            first_s, first = recent[0]
        return None if last == first or now_s <= first_s else 60.0 * (last - first) / (now_s - first_s)

    def _note_pace(self) -> None:
        """Remember now and then how many trials have ended, from the start of the first trial."""
        now_s = time.monotonic()
        if not self._ended:
            if self.counts.running:
                self._ended.append((now_s, 0))
        elif now_s - self._ended[-1][0] >= _PACE_EVERY_S and self.counts.ended > self._ended[-1][1]:
            self._ended.append((now_s, self.counts.ended))
            while len(self._ended) > 2 and self._ended[2][0] < now_s - _RECENT_S:
                # Keep the first entry, for the mean pace.
                del self._ended[1]
