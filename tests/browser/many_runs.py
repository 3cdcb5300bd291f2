"""Filling a study's MLflow with simulated trials, as a run of the study would.

`python -m tests.browser.many_runs FOLDER N_TRIALS` prints the seconds for each trial.
"""

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sweeps.mlflow_view.picture import StudyPicture
from sweeps.mlflow_view.writer import MlflowWriter, tracking_uri
from sweeps.storage.environment import remember_environment
from sweeps.storage.folder import StudyFolder
from sweeps.storage.provenance import Provenance
from sweeps.storage.records import completed_record
from sweeps.storage.store import TrialStore
from sweeps.study import study_from_yaml
from sweeps.testing.simulation import SimulatedTrial, register_simulated_task
from tests.sweeps.simulated_studies import plan

STUDY = """\
name: many
task: simulated
data: plain
trials: {n_trials}
design: sobol
space:
  label_noise: {{uniform: [0ms, 100ms]}}
  softness: {{uniform: [0ms, 150ms]}}
fixed: {{loss: softloc}}
"""


def fill(folder: Path, n_trials: int) -> float:
    """Write the trials to MLflow, and return the seconds for each trial."""
    register_simulated_task()
    study = study_from_yaml(STUDY.format(n_trials=n_trials), name="many.yaml")
    planner = plan(study)
    store = TrialStore(StudyFolder(folder))
    store.folder.write("study.yaml", study.to_yaml().encode())
    remember_environment(store.folder)
    started_at = datetime.now(UTC)
    root = f"file://{folder}/mlartifacts"
    writer = MlflowWriter(store, uri=tracking_uri(folder), study="many", artifact_root=root)
    trials = planner.all_trials()
    store.write_references(planner.data_of(trials[0].config))
    started = time.perf_counter()
    for number, trial in enumerate(trials):
        record = completed_record(
            SimulatedTrial()(trial.config, planner.data_of(trial.config)),
            Provenance("many", "0.1.0", "abc"),
            channel_names=("a", "b"),
            host="here",
            started_at=started_at + timedelta(seconds=number),
        )
        writer.write(record.row, record.tables)
    took_s = (time.perf_counter() - started) / len(trials)
    writer.finish(picture=StudyPicture(len(trials), {}, f"{len(trials)} trials"), files=[], status="FINISHED")
    return took_s


def main() -> None:
    sys.stdout.write(f"{fill(Path(sys.argv[1]), int(sys.argv[2])):.4f}\n")


if __name__ == "__main__":
    main()
