"""What a running study says: a live line on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from datetime import datetime, timedelta

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

__all__ = ["Counts", "ProgressLine", "duration_text"]

_PLAIN_EVERY_S = 10.0


@dataclass
class Counts:
    """How far a study is.

    Attributes:
        designed: Trials the study asks for.
        kept: Of these, completed before this driver began.
        done: Completed by this driver.
        failed: Failed under this driver.
        running: On a worker now.
        retried: Started again after a worker died.
    """

    designed: int
    kept: int = 0
    done: int = 0
    failed: int = 0
    running: int = 0
    retried: int = 0

    @property
    def left(self) -> int:
        """Trials that have not ended yet."""
        return self.designed - self.kept - self.done - self.failed


def duration_text(seconds: float) -> str:
    """A length of time for people: `45 s`, `12 min`, `3 h 05 min`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02d} min"


class ProgressLine:
    """Shows the counts and when the study is expected to finish.

    The expectation is the mean pace since the first trial began under this driver.
    """

    def __init__(self, counts: Counts, *, console: Console | None = None) -> None:
        self.counts = counts
        self.console = console or Console(file=sys.stdout, highlight=False, soft_wrap=True)
        self._started: float | None = None
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
        """A line of its own, above the live one."""
        self.console.print(text, markup=False)

    def update(self) -> None:
        """Show the counts as they are; cheap, so call it as often as wanted."""
        if self._started is None and self.counts.running:
            self._started = time.monotonic()
        if self._live is not None:
            done = self.counts.kept + self.counts.done + self.counts.failed
            self._live.update(self._task, completed=done, description=self.text())
        elif time.monotonic() - self._said_s >= _PLAIN_EVERY_S:
            self._said_s = time.monotonic()
            self.say(f"{self.counts.kept + self.counts.done} of {self.counts.designed} done, {self.text()}")

    def text(self) -> str:
        """Failed, running and the expected finish."""
        parts = [f"{self.counts.failed} failed", f"{self.counts.running} running"]
        left_s = self.expected_s()
        if left_s is not None:
            finish = datetime.now() + timedelta(seconds=left_s)
            parts.append(f"finish {finish:%H:%M} (in {duration_text(left_s)})")
        return ", ".join(parts)

    def expected_s(self) -> float | None:
        """Seconds until the last trial is expected to end, or None when that cannot be said yet."""
        ended = self.counts.done + self.counts.failed
        if self._started is None or ended == 0:
            return None
        return (time.monotonic() - self._started) / ended * self.counts.left
