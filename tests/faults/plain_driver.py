"""A driver without Ray, which uses the study's lock, source, recorder and store but runs the trials itself.

`python plain_driver.py STUDY_FILE OUT TRIAL_S FAIL_BELOW_S` starts in one second instead of ten.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path

from softloc_core.errors import UserError
from sweeps.execution.progress import Counts
from sweeps.execution.recorder import Recorder
from sweeps.planning import Planner, load_data, make_planner
from sweeps.planning.source import trial_source
from sweeps.storage.folder import StudyFolder
from sweeps.storage.lock import study_lock
from sweeps.storage.provenance import Provenance
from sweeps.storage.records import completed_record
from sweeps.storage.store import TrialStore
from sweeps.study import study_from_yaml
from sweeps.testing.simulation import SimulatedTrial, register_simulated_task


def main() -> int:
    study_file, out, trial_s, _ = sys.argv[1:]
    register_simulated_task()
    study = study_from_yaml(Path(study_file).read_text(), name=study_file)
    planner = make_planner(study, load_data(study, data_root=None, cache_dir=Path(out) / "cache"))
    folder = StudyFolder(f"{out}/{study.name}")
    try:
        with study_lock(folder):
            run(planner, TrialStore(folder), float(trial_s))
    except UserError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


def run(planner: Planner, store: TrialStore, trial_s: float) -> None:
    """Run the missing trials one after another."""
    trial = SimulatedTrial(duration_s=trial_s)
    source = trial_source(planner, store.load(), store.folder)
    recorder = Recorder(store, None, Counts(source.n_designed), say=print)
    while (planned := source.next()) is not None:
        data = planner.data_of(planned.config)
        record = completed_record(
            trial(planned.config, data),
            Provenance("sim", "", ""),
            channel_names=data.channel_names,
            host="here",
            started_at=datetime.now(UTC),
        )
        recorder.put(record)
    recorder.close()


if __name__ == "__main__":
    sys.exit(main())
