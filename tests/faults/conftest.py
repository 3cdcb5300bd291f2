"""Fixtures for faults in whole studies. The test run ends with a table of the faults and the trials lost."""

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
    """Return a function that makes fault studies, and end their processes after the test."""
    studies: list[FaultStudy] = []

    def make(trials: int, *, out: Path | None = None) -> FaultStudy:
        studies.append(FaultStudy(tmp_path, trials=trials, out=out or tmp_path / "runs"))
        return studies[-1]

    yield make
    for study in studies:
        study.end_all()


@pytest.fixture
def assert_intact(request: pytest.FixtureRequest) -> Callable[..., Verdict]:
    """Compare a study with an undisturbed run, add it to the table, and assert that nothing was lost."""

    def check(study: FaultStudy, fault: str, *, times: int) -> Verdict:
        verdict = study.verdict(fault, times=times)
        request.config.stash[_TABLE].append(verdict)
        assert (verdict.lost, verdict.changed, verdict.unexpected) == ([], [], [])
        return verdict

    return check


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    rows = config.stash.get(_TABLE, [])
    if not rows:
        return
    terminalreporter.section("faults")
    terminalreporter.line(f"{'fault':<52} {'times':>5} {'trials':>6} {'lost':>5} {'changed':>7} {'twice':>5}")
    for row in rows:
        terminalreporter.line(
            f"{row.fault:<52} {row.times:>5} {row.designed:>6} {len(row.lost):>5} {len(row.changed):>7} "
            f"{len(row.unexpected):>5}"
        )
    lost = sum(len(row.lost) for row in rows)
    terminalreporter.line(f"{sum(row.times for row in rows)} faults, {lost} trials lost")
