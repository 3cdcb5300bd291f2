"""Draws a study again and again while it runs, at a pace that costs its trials next to nothing."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from analysis.errors import AnalysisError
from sweeps.mlflow_view.picture import StudyView, study_view
from sweeps.redaction import redacted

__all__ = ["LiveView", "Pace"]

logger = logging.getLogger(__name__)
_TIME_LIMIT_S = 600.0


@dataclass(frozen=True)
class Pace:
    """When a study is drawn again.

    Attributes:
        first_trials: Not before so many trials.
        every_s: Not sooner than this after the last drawing began, seconds.
        growth: Not before the trials have grown by this share.
        rest: After a drawing, not before this many times the time it took.
    """

    first_trials: int = 8
    every_s: float = 60.0
    growth: float = 0.05
    rest: float = 20.0

    def due(self, *, n_trials: int, n_drawn: int, since_s: float, took_s: float) -> bool:
        """Whether to draw.

        Args:
            n_trials: Trials there are.
            n_drawn: Trials there were at the last drawing; 0 before the first.
            since_s: Seconds since the last drawing began, or since the study did.
            took_s: Seconds that it took; 0 before the first.
        """
        enough = n_trials >= max(self.first_trials, n_drawn * (1 + self.growth))
        return enough and n_trials > n_drawn and since_s >= max(self.every_s, (1 + self.rest) * took_s)


class LiveView:
    """Draws in a process of its own with a low priority, one at a time; a drawing that fails is let go."""

    def __init__(self, location: str, *, pace: Pace | None = None) -> None:
        """Begin to count the time.

        Args:
            location: The study's folder or address.
            pace: When to draw.
        """
        self._location = location
        self._pace = pace or Pace()
        self._n_drawn = 0
        self._began_s, self._took_s = time.monotonic(), 0.0
        self._process: subprocess.Popen[bytes] | None = None
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    def offer(self, n_trials: int, deliver: Callable[[StudyView], None]) -> None:
        """Say how many trials there are; where a drawing is due it is begun, and delivered when done."""
        if self._stopped.is_set() or (self._thread is not None and self._thread.is_alive()):
            return
        since_s = time.monotonic() - self._began_s
        if self._pace.due(n_trials=n_trials, n_drawn=self._n_drawn, since_s=since_s, took_s=self._took_s):
            self._n_drawn, self._began_s = n_trials, time.monotonic()
            self._thread = threading.Thread(target=self._draw, args=(deliver,), name="view", daemon=True)
            self._thread.start()

    def now(self) -> StudyView | None:
        """Draw here and wait; None where the study cannot be read."""
        try:
            return study_view(self._location)
        except AnalysisError as error:
            logger.warning("the study could not be drawn: %s", error)
            return None

    def stop(self) -> None:
        """Draw no more; a drawing that is under way is ended."""
        self._stopped.set()
        process = self._process
        if process is not None and process.poll() is None:
            process.kill()
        if self._thread is not None:
            self._thread.join(timeout=10)

    def _draw(self, deliver: Callable[[StudyView], None]) -> None:
        """Draw once, in this thread's process."""
        command = [sys.executable, "-m", "sweeps.mlflow_view.picture", self._location]
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "MPLBACKEND": "Agg"}
        # A session of its own: Ctrl-C is for the driver, which ends the drawing.
        with subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            env=environment,
            start_new_session=True,
        ) as process:
            self._process = process
            try:
                out, problem = process.communicate(timeout=_TIME_LIMIT_S)
            except subprocess.TimeoutExpired:
                process.kill()
                out, problem = process.communicate()
        self._took_s = time.monotonic() - self._began_s
        if self._stopped.is_set():
            return
        if process.returncode != 0:
            lines = redacted(problem.decode(errors="replace")).strip().splitlines()
            logger.warning(
                "the study could not be drawn while it runs: %s", lines[-1] if lines else "no reason"
            )
            return
        deliver(StudyView.from_json(out.decode()))
