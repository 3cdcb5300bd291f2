"""The longest time that a trial may take."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

__all__ = ["TrialTimeoutError", "time_limit"]

# The process of a trial that hangs outside Python is ended after this multiple of the time limit.
_HARD_LIMIT = 1.5
# A timer of 0 s would be no timer.
_SHORTEST_S = 1e-3


class TrialTimeoutError(RuntimeError):
    """A trial that took longer than its study allows."""


@contextmanager
def time_limit(limit_s: float | None, *, spent_s: float) -> Iterator[None]:
    """Raise in this thread once the limit is reached, and end the process if that has no effect.

    Args:
        limit_s: Seconds that the trial may take in total, or None for no limit.
        spent_s: Seconds that the trial has already taken.

    Raises:
        TrialTimeoutError: The trial took longer.
    """
    if limit_s is None:
        yield
        return

    def too_long(number: int, frame: FrameType | None) -> None:
        raise TrialTimeoutError(f"a trial must end within {limit_s:g} s, but this one did not")

    left_s = max(_SHORTEST_S, limit_s - spent_s)
    hard = threading.Timer(left_s + (_HARD_LIMIT - 1) * limit_s, os._exit, args=(1,))
    hard.daemon = True
    previous = signal.signal(signal.SIGALRM, too_long)
    signal.setitimer(signal.ITIMER_REAL, left_s)
    hard.start()
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)
        hard.cancel()
