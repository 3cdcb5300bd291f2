"""A driver of the simulated study in a separate process, for tests that kill it.

python simulated_driver.py STUDY_FILE OUT TRIAL_S FAIL_BELOW_S [OVERRIDE ...]

The environment variables SIMULATED_ADDRESS and SIMULATED_TRACKING_URI set --address and --tracking-uri.
SIMULATED_BUDGET is a JSON mapping with the values of --max-hours, --max-trials and --max-failures. Trials
that pause write to the file SIMULATED_LOG when they start or resume, and train if SIMULATED_TRAINING is set.
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
    """Start a trial that really trains. A worker does not know the simulated task yet."""
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
    # Tests in the background of a shell inherit a handler that ignores Ctrl-C; a terminal does not ignore it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.exit(main())
