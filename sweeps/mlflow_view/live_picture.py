"""Plots of a running study, repeated at a pace that hardly slows its trials."""

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
from sweeps.mlflow_view.picture import StudyPicture, study_picture
from sweeps.redaction import redacted

__all__ = ["TIME_LIMIT_S", "LivePicture", "Pace"]

logger = logging.getLogger(__name__)
TIME_LIMIT_S = 600.0


@dataclass(frozen=True)
class Pace:
    """When to plot a study again. All conditions must hold.

    Attributes:
        first_trials: Least number of trials.
        every_s: Least time since the start of the last plot, in seconds.
        growth: Least growth of the number of trials since the last plot, as a fraction.
        rest: Least pause after a plot, as a multiple of the time that the plot took.
    """

    first_trials: int = 8
    every_s: float = 60.0
    growth: float = 0.05
    rest: float = 20.0

    def due(self, *, n_trials: int, n_plotted: int, since_s: float, took_s: float) -> bool:
        """Return whether to plot now.

        Args:
            n_trials: Number of trials now.
            n_plotted: Number of trials at the last plot; 0 before the first.
            since_s: Seconds since the start of the last plot, or of the study.
            took_s: Seconds that the last plot took; 0 before the first.
        """
        enough = n_trials >= max(self.first_trials, n_plotted * (1 + self.growth))
        return enough and n_trials > n_plotted and since_s >= max(self.every_s, (1 + self.rest) * took_s)


class LivePicture:
    """Plots a study in a separate low-priority process, one plot at a time. Failed plots are logged only."""

    def __init__(
        self, location: str, *, pace: Pace | None = None, time_limit_s: float = TIME_LIMIT_S
    ) -> None:
        """Start to measure the time.

        Args:
            location: The study's folder or address.
            pace: When to plot.
            time_limit_s: Longest time a plot may take, in seconds.
        """
        self._location = location
        self._pace = pace or Pace()
        self._time_limit_s = time_limit_s
        self._n_plotted = 0
        self._started_s, self._took_s = time.monotonic(), 0.0
        self._process: subprocess.Popen[bytes] | None = None
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def is_plotting(self) -> bool:
        """Whether a plot is in progress."""
        return self._thread is not None and self._thread.is_alive()

    def offer(self, n_trials: int, deliver: Callable[[StudyPicture], None]) -> None:
        """Start a plot if one is due, and deliver it when it is done.

        Args:
            n_trials: Number of trials now.
            deliver: Receives the picture, in another thread.
        """
        if self._stopped.is_set() or self.is_plotting:
            return
        since_s = time.monotonic() - self._started_s
        if self._pace.due(n_trials=n_trials, n_plotted=self._n_plotted, since_s=since_s, took_s=self._took_s):
            self._n_plotted, self._started_s = n_trials, time.monotonic()
            self._thread = threading.Thread(target=self._plot, args=(deliver,), name="picture", daemon=True)
            self._thread.start()

    def now(self) -> StudyPicture | None:
        """Plot the study in this process and return the picture, or None if the study cannot be read."""
        try:
            return study_picture(self._location)
        except AnalysisError as error:
            logger.warning("cannot plot the study: %s", error)
            return None

    def stop(self) -> None:
        """Start no more plots, and end the current one."""
        self._stopped.set()
        process = self._process
        if process is not None and process.poll() is None:
            process.kill()
        if self._thread is not None:
            self._thread.join(timeout=10)

    def _plot(self, deliver: Callable[[StudyPicture], None]) -> None:
        """Plot the study once, in a separate process."""
        command = [sys.executable, "-m", "sweeps.mlflow_view.picture", self._location]
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "MPLBACKEND": "Agg"}
        # In a new session, Ctrl-C reaches only the driver, which then ends the plot.
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
                out, problem = process.communicate(timeout=self._time_limit_s)
            except subprocess.TimeoutExpired:
                process.kill()
                out, problem = process.communicate()
        self._took_s = time.monotonic() - self._started_s
        if self._stopped.is_set():
            return
        if process.returncode != 0:
            lines = redacted(problem.decode(errors="replace")).strip().splitlines()
            logger.warning("cannot plot the running study: %s", lines[-1] if lines else "unknown reason")
            return
        deliver(StudyPicture.from_json(out.decode()))
