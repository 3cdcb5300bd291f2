"""A driver of the simulated study in a process of its own, for tests that kill it.

python simulated_driver.py STUDY_FILE OUT TRIAL_S FAIL_BELOW_S [OVERRIDE ...]

SIMULATED_ADDRESS and SIMULATED_TRACKING_URI in the environment are what --address and --tracking-uri are, and
SIMULATED_BUDGET is a JSON mapping of what --max-hours, --max-trials and --max-failures are; SIMULATED_LOG is
where trials run in stages say that they begin or go on. With SIMULATED_TRAINING trials in stages train.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path

from softloc_core.errors import UserError
from softloc_core.tasks import TaskData
from softloc_core.trial.run import TrialConfig, TrialRun
from sweeps.execution.run import RunOptions
from sweeps.execution.runner import run_study
from sweeps.planning.budget import Budget
from sweeps.study import study_from_yaml
from sweeps.testing.simulation import SimulatedTrial, register_simulated_task


def training(config: TrialConfig, data: TaskData, *, device: str) -> TrialRun:
    """A trial that is trained; a worker does not know the simulated task yet."""
    register_simulated_task()
    return TrialRun(config, data, device=device)


def main() -> int:
    study_file, out, trial_s, fail_below_s, *overrides = sys.argv[1:]
    register_simulated_task()
    study = study_from_yaml(Path(study_file).read_text(), name=study_file, overrides=overrides)
    trial = SimulatedTrial(
        duration_s=float(trial_s),
        fail_below_s=float(fail_below_s),
        log=os.environ.get("SIMULATED_LOG", ""),
    )
    trains = "SIMULATED_TRAINING" in os.environ
    options = RunOptions(
        out=out,
        cache_dir=Path(out) / "cache",
        address=os.environ.get("SIMULATED_ADDRESS"),
        cpus=2,
        tracking_uri=os.environ.get("SIMULATED_TRACKING_URI"),
        budget=Budget(**json.loads(os.environ.get("SIMULATED_BUDGET", "{}"))),
        run_trial=trial,
        begin_trial=training if trains else trial.begin,
    )
    try:
        return run_study(study, options).exit_status
    except UserError as error:
        sys.stderr.write(f"{error}\n")
        return 2


if __name__ == "__main__":
    # Tests run in the background of a shell inherit that Ctrl-C is ignored; a terminal does not ignore it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.exit(main())
