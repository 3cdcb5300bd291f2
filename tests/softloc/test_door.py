"""`import softloc`: light to import, and enough to run a study and read it."""

import subprocess
import sys

import pytest
import torch

import softloc
from sweeps.testing import SimulatedTrial, register_simulated_task

STUDY = """\
name: from_python
task: simulated
data: plain
trials: 4
design: random
space:
  label_noise: {uniform: [0ms, 100ms]}
  softness: {uniform: [0ms, 150ms]}
fixed:
  loss: softloc
"""


def test_importing_softloc_loads_nothing_heavy() -> None:
    heavy = ("torch", "ray", "mlflow", "pandas")
    code = f"import sys, softloc; print([name for name in {heavy} if name in sys.modules])"
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert printed.strip() == "[]"


def test_the_losses_are_those_of_the_core() -> None:
    import softloc_core.losses

    assert softloc.losses.SoftLocLoss is softloc_core.losses.SoftLocLoss
    assert set(softloc.losses.__all__) == set(softloc_core.losses.__all__)
    logit = torch.zeros(1, 1, 20, requires_grad=True)
    softloc.losses.SoftLocLoss(softness_frames=2.0, alpha=0.5)(logit, torch.zeros(1, 1, 20)).backward()
    assert logit.grad is not None


def test_a_study_that_does_not_exist_is_named() -> None:
    with pytest.raises(ValueError, match="a study must be a shipped one"):
        softloc.run("nowhere")
    with pytest.raises(ValueError, match="nowhere"):
        softloc.load("nowhere")


@pytest.mark.ray
def test_a_study_runs_and_its_results_come_back(tmp_path, monkeypatch) -> None:
    import softloc.studies as module

    register_simulated_task()
    plain = module.RunOptions
    monkeypatch.setattr(module, "RunOptions", lambda **given: plain(**given, run_trial=SimulatedTrial()))
    (tmp_path / "study.yaml").write_text(STUDY)
    settings = {"trials": 3, "space.softness": {"uniform": ["0ms", "50ms"]}}
    found = softloc.run(
        tmp_path / "study.yaml", out=tmp_path / "runs", settings=settings, cpus=1, mlflow=False
    )
    assert len(found.completed) == 3
    assert found.completed["softness_s"].max() <= 0.05
    again = softloc.load(tmp_path / "runs" / "from_python")
    assert sorted(again.completed["trial_id"]) == sorted(found.completed["trial_id"])
