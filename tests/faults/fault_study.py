"""A simulated study that is disturbed from outside, and its comparison with an undisturbed run."""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pyarrow.parquet as pq

from sweeps.study import Study
from sweeps.testing.simulation import SimulatedTrial
from tests.sweeps.simulated_studies import plan, simulated_study

DRIVER = Path(__file__).parents[1] / "sweeps" / "execution" / "simulated_driver.py"
# A loaded machine with two cores takes a minute to start Ray.
PATIENCE_S = 900.0
# Columns that an undisturbed run reproduces exactly.
_RESULTS = ("status", "f1", "precision", "recall", "n_reference", "n_estimated", "n_matched", "f1_per_class",
            "label_noise_s", "softness_s", "data_fingerprint", "seed", "replicate")  # fmt: skip


@dataclass(frozen=True)
class Verdict:
    """The result of a disturbed study.

    Attributes:
        fault: Description of the fault.
        times: How many times the fault occurred.
        designed: Number of trials of the study.
        lost: Trials that are missing or incomplete.
        changed: Trials whose results differ from those of an undisturbed run.
        unexpected: Trials that are stored twice or are not part of the study.
    """

    fault: str
    times: int
    designed: int
    lost: list[str]
    changed: list[str]
    unexpected: list[str]


class FaultStudy:
    """A simulated study and the processes that run it.

    Attributes:
        study: The study.
        results: The study's folder.
    """

    def __init__(self, folder: Path, *, trials: int, out: Path) -> None:
        """Write the study file.

        Args:
            folder: Folder for the study file and the output of drivers.
            trials: Number of trials of the study.
            out: Folder that will contain the study's folder.
        """
        self.folder, self.out = folder, out
        self.study = simulated_study(f"trials={trials}")
        self.study_file = folder / "study_file.yaml"
        self.study_file.write_text(self.study.to_yaml())
        self.results = out / self.study.name
        self._started: list[subprocess.Popen[str]] = []
        self._children: list[psutil.Process] = []

    def start(
        self, *, trial_s: float = 0.0, script: Path = DRIVER, **environment: str
    ) -> subprocess.Popen[str]:
        """Start a driver in a separate process, with its output redirected to files."""
        arguments = [self.study_file, self.out, trial_s, 0.0]
        number = len(self._started)
        with (
            (self.folder / f"{number}.out").open("w") as out,
            (self.folder / f"{number}.err").open("w") as err,
        ):
            process = subprocess.Popen(
                [sys.executable, str(script), *map(str, arguments)],
                stdout=out,
                stderr=err,
                text=True,
                start_new_session=True,
                env={**os.environ, **environment},
            )
        self._started.append(process)
        return process

    def output(self) -> str:
        """Return what the last driver has printed on both streams."""
        number = len(self._started) - 1
        return "".join((self.folder / f"{number}.{stream}").read_text() for stream in ("out", "err"))

    def finish(self, *, script: Path = DRIVER, **environment: str) -> None:
        """Run the missing trials undisturbed, and retry if Ray times out at its start on a busy machine."""
        for _ in range(5):
            process = self.start(script=script, **environment)
            status = process.wait(timeout=PATIENCE_S)
            if "Ray must start on this machine" not in self.output():
                break
        assert status == 0, self.output()

    def kill(self, process: subprocess.Popen[str]) -> None:
        """Kill a driver without warning, and without its child processes."""
        with contextlib.suppress(psutil.NoSuchProcess):
            self._children += psutil.Process(process.pid).children(recursive=True)
        process.kill()
        process.wait(timeout=10)

    def wait(self, condition: Callable[[], bool], *, process: subprocess.Popen[str] | None = None) -> None:
        """Wait for a condition, and fail if the given driver ends first."""
        deadline = time.monotonic() + PATIENCE_S
        while not condition():
            assert time.monotonic() < deadline, f"timed out; {self.output()}"
            assert process is None or process.poll() is None, self.output()
            time.sleep(0.02)

    def wait_for_parts(self, count: int, process: subprocess.Popen[str]) -> None:
        """Wait until this many trials are stored."""
        self.wait(lambda: len(self.parts()) >= count, process=process)

    def workers(self, process: subprocess.Popen[str]) -> list[psutil.Process]:
        """Return the processes that run a driver's trials."""
        found = []
        for child in psutil.Process(process.pid).children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):
                if "Trainable" in " ".join(child.cmdline()):
                    found.append(child)
        return found

    def parts(self, table: str = "trials") -> list[Path]:
        """Return the complete parts of a table."""
        return sorted((self.results / table).glob("[!.]*.parquet"))

    def verdict(self, fault: str, *, times: int) -> Verdict:
        """Compare the stored trials with those of an undisturbed run."""
        wanted = expected(self.study)
        rows = [
            row for path in self.parts() for row in pq.read_table(path).to_pylist(maps_as_pydicts="strict")
        ]
        counted = Counter(row["trial_id"] for row in rows)
        stored = {row["trial_id"]: row for row in rows}
        complete = {i for i in stored if self._events(i) == wanted.get(i, {}).get("events")}
        return Verdict(
            fault,
            times,
            designed=len(wanted),
            lost=sorted(set(wanted) - complete),
            changed=sorted(i for i in wanted if i in stored and results(stored[i]) != wanted[i]["row"]),
            unexpected=sorted(i for i, count in counted.items() if count > 1 or i not in wanted),
        )

    def mlflow(self) -> tuple[list[str], set[str]]:
        """Return the trial of each MLflow run of the study, and the statuses of all runs."""
        with contextlib.closing(sqlite3.connect(self.results / "mlflow.db")) as database:
            identities = database.execute("select value from tags where key = 'trial_id'").fetchall()
            states = database.execute("select distinct status from runs").fetchall()
        return sorted(value for (value,) in identities), {value for (value,) in states}

    def rebuild(self, *options: str) -> str:
        """Run `softloc mlflow rebuild` and return its output."""
        command = [sys.executable, "-c", "from sweeps.cli.app import main; main()", "mlflow", "rebuild"]
        done = subprocess.run(
            [*command, str(self.results), *options],
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE_S,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def end_all(self) -> None:
        """End all processes of this study by their id, after giving child processes time to end."""
        for process in self._started:
            if process.poll() is None:
                with contextlib.suppress(psutil.NoSuchProcess):
                    self._children += psutil.Process(process.pid).children(recursive=True)
                process.kill()
            process.wait(timeout=10)
        _, alive = psutil.wait_procs(self._children, timeout=2)
        for child in alive:
            with contextlib.suppress(psutil.NoSuchProcess):
                child.send_signal(signal.SIGKILL)

    def _events(self, trial_id: str) -> list[dict[str, Any]] | None:
        """Return a trial's stored events, or None if they cannot be read."""
        try:
            return list(pq.read_table(self.results / "events" / f"{trial_id}.parquet").to_pylist())
        except (OSError, ValueError):
            return None


def expected(study: Study) -> dict[str, dict[str, Any]]:
    """Return the results and events of every trial of an undisturbed run."""
    from datetime import UTC, datetime

    from sweeps.storage.provenance import Provenance
    from sweeps.storage.records import completed_record

    planner = plan(study)
    found = {}
    for trial in planner.all_trials():
        data = planner.data_of(trial.config)
        record = completed_record(
            SimulatedTrial()(trial.config, data),
            Provenance("sim", "", ""),
            channel_names=data.channel_names,
            host="",
            started_at=datetime.now(UTC),
        )
        found[trial.trial_id] = {
            "row": results(record.row),
            "events": [dict(row) for row in record.tables["events"]],
        }
    return found


def results(row: Any) -> dict[str, Any]:
    """Return the columns that do not depend on when and where a trial ran."""
    return {name: row[name] for name in _RESULTS}
