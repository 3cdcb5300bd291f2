"""The pace of a study and its expected finish."""

from __future__ import annotations

import io
import itertools

import pytest
from rich.console import Console

from sweeps.execution import progress
from sweeps.execution.progress import Counts, ProgressLine


def test_the_expected_finish_follows_the_recent_pace(monkeypatch: pytest.MonkeyPatch) -> None:
    now = itertools.count(step=1.0)
    clock = {"s": next(now)}
    monkeypatch.setattr(progress.time, "monotonic", lambda: clock["s"])
    counts = Counts(designed=1000)
    line = ProgressLine(counts, console=Console(file=io.StringIO()))

    def work(trials: int, each_s: float) -> None:
        for _ in range(trials):
            clock["s"] += each_s
            counts.done += 1
            line.update()

    line.update()
    assert line.expected_s() is None  # nothing has started
    counts.running = 1
    line.update()
    assert line.per_minute() is None
    work(10, 60.0)
    assert line.per_minute() == pytest.approx(1.0, rel=0.15)
    work(200, 6.0)  # the cluster has grown
    assert line.per_minute() == pytest.approx(10.0, rel=0.05)
    assert line.expected_s() == pytest.approx(790 * 6.0, rel=0.05)
    clock["s"] += 3600.0  # long trials: none ended for an hour
    line.update()
    assert line.per_minute() == pytest.approx(210 / 90, rel=0.05)
    assert len(line._ended) < 200
