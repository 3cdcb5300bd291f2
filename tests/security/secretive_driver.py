"""A driver of a simulated study whose trials raise errors with secrets of their environment.

Usage: `python secretive_driver.py OUT TRACKING_URI|own draw|plain VARIABLE ...`
"""

from __future__ import annotations

import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sweeps.execution.run import RunOptions
from sweeps.execution.runner import run_study
from sweeps.inspection.drawing import plot_study
from sweeps.study import study_from_yaml
from sweeps.testing.simulation import SimulatedTrial, register_simulated_task

STUDY = """\
name: sim
task: simulated
data: plain
trials: 10
design: sobol
space:
  label_noise: {uniform: [0ms, 100ms]}
  softness: {uniform: [0ms, 150ms]}
fixed: {loss: softloc}
"""


@dataclass(frozen=True)
class SecretiveTrial:
    """Trials that fail with secrets in their message if their label noise is low."""

    variables: tuple[str, ...]
    address: str

    def __call__(self, config: Any, data: Any, *, device: str = "cpu") -> Any:
        time.sleep(0.2)
        if config.label_noise_s < 0.03:
            secrets = " ".join(os.environ.get(name, "unset") for name in self.variables)
            raise RuntimeError(f"no access with {secrets} to {self.address}")
        return SimulatedTrial()(config, data, device=device)


def main() -> int:
    out, uri, look, *variables = sys.argv[1:]
    register_simulated_task()
    options = RunOptions(
        out=out,
        cache_dir=Path(out) / "cache",
        cpus=2,
        run_trial=SecretiveTrial(tuple(variables), uri),
        tracking_uri=None if uri == "own" else uri,
        draw=plot_study if look == "draw" else None,
    )
    return run_study(study_from_yaml(STUDY, name="sim.yaml"), options).exit_status


if __name__ == "__main__":
    sys.exit(main())
