"""Studies of simulated trials, which train nothing, for tests of everything around a trial."""

from __future__ import annotations

from pathlib import Path

from sweeps.planning import Planner, load_data, make_planner
from sweeps.study import Study, study_from_yaml

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


def simulated_study(*overrides: str) -> Study:
    """Return the simulated study with `--set` overrides."""
    return study_from_yaml(SIMULATED_STUDY, name="studies/x.yaml", overrides=overrides)


def plan(study: Study) -> Planner:
    """Return the planner of a study that needs no recorded data."""
    return make_planner(study, load_data(study, data_root=None, cache_dir=Path("unused")))
