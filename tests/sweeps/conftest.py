"""A study of trials that train nothing, for everything around a trial."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from sweeps.study.reading import Study, study_from_yaml
from sweeps.testing.simulation import register_simulated_task

SIMULATED_STUDY = """\
name: sim
task: simulated
data: plain
trials: 12
design: random
seed: 3
space:
  label_noise: {uniform: [0ms, 100ms]}
  softness: {uniform: [0ms, 150ms]}
fixed:
  loss: softloc
"""


@pytest.fixture(autouse=True)
def _simulated_task() -> None:
    register_simulated_task()


@pytest.fixture
def make_study() -> Callable[..., Study]:
    """The simulated study with `--set` overrides."""

    def make(*overrides: str) -> Study:
        return study_from_yaml(SIMULATED_STUDY, name="studies/x.yaml", overrides=overrides)

    return make
