"""Fixtures for tests with simulated trials."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from sweeps.planning import Planner
from sweeps.study import Study
from sweeps.testing.simulation import register_simulated_task
from tests.sweeps import simulated_studies


@pytest.fixture(autouse=True)
def _simulated_task() -> None:
    register_simulated_task()


@pytest.fixture
def make_study() -> Callable[..., Study]:
    """Return the simulated study with `--set` overrides."""
    return simulated_studies.simulated_study


@pytest.fixture
def plan() -> Callable[[Study], Planner]:
    """Return the planner of a study that needs no recorded data."""
    return simulated_studies.plan
