"""Fixtures for tests with simulated trials."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from sweeps.study import Study
from sweeps.testing.simulation import register_simulated_task
from tests.sweeps.simulated_studies import simulated_study


@pytest.fixture(autouse=True)
def _simulated_task() -> None:
    register_simulated_task()


@pytest.fixture
def make_study() -> Callable[..., Study]:
    """Return the simulated study with `--set` overrides."""
    return simulated_study
