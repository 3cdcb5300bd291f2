"""A simulated study that is disturbed from outside, and what it should have come to."""

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

from sweeps.study import Study, study_from_yaml
from sweeps.testing.simulation import SimulatedTrial
from tests.sweeps.simulated_studies import plan

DRIVER = Path(__file__).parents[1] / "sweeps" / "execution" / "simulated_driver.py"
# A loaded machine with two cores takes a minute to start Ray.
PATIENCE_S = 900.0
_STUDY = """\
name: sim
task: simulated
data: plain
trials: {trials}
design: random
seed: 3
space:
  label_noise: {{uniform: [0ms, 100ms]}}
  softness: {{uniform: [0ms, 150ms]}}
fixed:
  loss: softloc
"""
# What an undisturbed run gives again, to the last bit.
_RESULTS = ("status", "f1", "precision", "recall", "n_reference", "n_estimated", "n_matched", "f1_per_class",
            "label_noise_s", "softness_s", "data_fingerprint", "seed", "replicate")  # fmt: skip


@dataclass(frozen=True)
class Verdict:
    """What a disturbed study came to.

    Attributes:
        fault: What was done to it.
        times: How often.
        designed: Trials it asks for.
        lost: Trials that are not there, or not whole.
        changed: Trials whose results differ from those of an undisturbed run.
        unexpected: Trials that stand there twice or were never asked for.
    """

    fault: str
    times: int
    designed: int
    lost: list[str]
    changed: list[str]
    unexpected: list[str]


class FaultStudy:
    """One simulated study and the processes that run it.

    Attributes:
        study: The study.
        results: Its folder.
    """

    def __init__(self, folder: Path, *, trials: int, out: Path) -> None:
        """Write the study's file.

        Args:
            folder: For the study's file and what drivers say.
            trials: How many it asks for.
            out: Where its folder goes.
        """
        self.folder, self.out = folder, out
        self.text = _STUDY.format(trials=trials)
        self.study: Study = study_from_yaml(self.text, name="studies/x.yaml")
        self.study_file = folder / "study_file.yaml"
        self.study_file.write_text(self.text)
        self.results = out / self.study.name
        self._started: list[subprocess.Popen[str]] = []
        self._children: list[psutil.Process] = []

    def start(
        self, *, trial_s: float = 0.0, script: Path = DRIVER, **environment: str
    ) -> subprocess.Popen[str]:
        """Start a driver in a process of its own; its output goes to files."""
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

    def said(self) -> str:
        """What the last driver said, on both streams."""
        number = len(self._started) - 1
        return "".join((self.folder / f"{number}.{stream}").read_text() for stream in ("out", "err"))

    def finish(self, *, script: Path = DRIVER, **environment: str) -> None:
        """Run what is missing, undisturbed; Ray gives up on a busy machine after 30 s, and is asked again."""
        for _ in range(5):
            process = self.start(script=script, **environment)
            status = process.wait(timeout=PATIENCE_S)
            if "Ray must start on this machine" not in self.said():
                break
        assert status == 0, self.said()

    def kill(self, process: subprocess.Popen[str]) -> None:
        """Kill a driver as the system would: no warning, and only itself."""
        with contextlib.suppress(psutil.NoSuchProcess):
            self._children += psutil.Process(process.pid).children(recursive=True)
        process.kill()
        process.wait(timeout=10)

    def wait(self, condition: Callable[[], bool], *, process: subprocess.Popen[str] | None = None) -> None:
        """Wait for something to be so, as long as a driver, when given, is alive."""
        deadline = time.monotonic() + PATIENCE_S
        while not condition():
            assert time.monotonic() < deadline, f"waited in vain; {self.said()}"
            assert process is None or process.poll() is None, self.said()
            time.sleep(0.02)

    def wait_for_parts(self, count: int, process: subprocess.Popen[str]) -> None:
        """Wait until that many trials are stored."""
        self.wait(lambda: len(self.parts()) >= count, process=process)

    def workers(self, process: subprocess.Popen[str]) -> list[psutil.Process]:
        """The processes that run a driver's trials."""
        found = []
        for child in psutil.Process(process.pid).children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):
                if "Trainable" in " ".join(child.cmdline()):
                    found.append(child)
        return found

    def parts(self, table: str = "trials") -> list[Path]:
        """Finished parts of a table."""
        return sorted((self.results / table).glob("[!.]*.parquet"))

    def verdict(self, fault: str, *, times: int) -> Verdict:
        """Compare what is stored with what an undisturbed run gives."""
        wanted = expected(self.study)
        rows = [
            row for path in self.parts() for row in pq.read_table(path).to_pylist(maps_as_pydicts="strict")
        ]
        counted = Counter(row["trial_id"] for row in rows)
        there = {row["trial_id"]: row for row in rows}
        whole = {i for i in there if self._events(i) == wanted.get(i, {}).get("events")}
        return Verdict(
            fault,
            times,
            designed=len(wanted),
            lost=sorted(set(wanted) - whole),
            changed=sorted(i for i in wanted if i in there and results(there[i]) != wanted[i]["row"]),
            unexpected=sorted(i for i, count in counted.items() if count > 1 or i not in wanted),
        )

    def mlflow(self) -> tuple[list[str], set[str]]:
        """Identities of the trials in the study's MLflow, one for each run, and the states of all runs."""
        with contextlib.closing(sqlite3.connect(self.results / "mlflow.db")) as database:
            identities = database.execute("select value from tags where key = 'trial_id'").fetchall()
            states = database.execute("select distinct status from runs").fetchall()
        return sorted(value for (value,) in identities), {value for (value,) in states}

    def rebuild(self, *options: str) -> str:
        """`softloc mlflow rebuild`; what it said."""
        command = [sys.executable, "-c", "from sweeps.cli.app import main; main()", "mlflow", "rebuild"]
        done = subprocess.run(
            [*command, str(self.results), *options], capture_output=True, text=True, check=False,
            timeout=PATIENCE_S,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    def end_all(self) -> None:
        """End every process that was started here, by its id, and wait for those that end by themselves."""
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
        """A trial's stored events, or None where they cannot be read."""
        try:
            return list(pq.read_table(self.results / "events" / f"{trial_id}.parquet").to_pylist())
        except (OSError, ValueError):
            return None


def expected(study: Study) -> dict[str, dict[str, Any]]:
    """Results and events of every trial, as an undisturbed run gives them, computed here."""
    from datetime import UTC, datetime

    from sweeps.storage.provenance import Provenance
    from sweeps.storage.records import completed_record

    planner = plan(study)
    found = {}
    for trial in planner.all_trials():
        data = planner.data_of(trial.config)
        record = completed_record(
            SimulatedTrial()(trial.config, data), Provenance("sim", "", ""), channel_names=data.channel_names,
            host="", started_at=datetime.now(UTC),
        )  # fmt: skip
        found[trial.trial_id] = {"row": results(record.row), "events": [dict(row) for row in record.events]}
    return found


def results(row: Any) -> dict[str, Any]:
    """The columns that do not depend on when and where a trial was run."""
    return {name: row[name] for name in _RESULTS}
