"""Faults on whole studies; at the end of the run a table says what was tried and what was lost."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sweeps.testing.simulation import register_simulated_task
from tests.faults.fault_study import FaultStudy, Verdict

_TABLE = pytest.StashKey[list[Verdict]]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash.setdefault(_TABLE, [])


@pytest.fixture(autouse=True)
def _simulated_task() -> None:
    register_simulated_task()


@pytest.fixture
def make_fault_study(tmp_path: Path) -> Iterator[Callable[..., FaultStudy]]:
    """Studies whose processes are all ended with the test."""
    made: list[FaultStudy] = []

    def make(trials: int, *, out: Path | None = None) -> FaultStudy:
        made.append(FaultStudy(tmp_path, trials=trials, out=out or tmp_path / "runs"))
        return made[-1]

    yield make
    for study in made:
        study.end_all()


@pytest.fixture
def hold_intact(request: pytest.FixtureRequest) -> Callable[..., Verdict]:
    """Compare a study with an undisturbed run, put it into the table, and hold that nothing was lost."""

    def hold(study: FaultStudy, fault: str, *, times: int) -> Verdict:
        verdict = study.verdict(fault, times=times)
        request.config.stash[_TABLE].append(verdict)
        assert (verdict.lost, verdict.changed, verdict.unexpected) == ([], [], [])
        return verdict

    return hold


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    rows = config.stash.get(_TABLE, [])
    if not rows:
        return
    terminalreporter.section("faults tried")
    terminalreporter.line(f"{'fault':<52} {'times':>5} {'trials':>6} {'lost':>5} {'changed':>7} {'twice':>5}")
    for row in rows:
        terminalreporter.line(
            f"{row.fault:<52} {row.times:>5} {row.designed:>6} {len(row.lost):>5} {len(row.changed):>7} "
            f"{len(row.unexpected):>5}"
        )
    lost = sum(len(row.lost) for row in rows)
    terminalreporter.line(f"{sum(row.times for row in rows)} faults, {lost} trials lost")
