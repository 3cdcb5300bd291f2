"""Measure the cost of ten thousand trials on 64 simulated nodes for driver, store and analysis.

python benchmarks/sweeps_scale.py [TRIALS] [--nodes 64] [--no-mlflow]; 1 000 trials by default.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import threading
import time
from pathlib import Path

import psutil
from simulated_actors import SimulatedActors, simulate_actors

from analysis.reading import load_results
from analysis.regression import fit_surface
from sweeps.execution import Counts, ProgressLine, RunOptions, run_study
from sweeps.storage import StudyFolder, TrialStore
from sweeps.study import study_from_yaml
from sweeps.testing import SimulatedTrial, register_simulated_task

Sample = tuple[float, int, int, int, float]
STUDY = """\
name: scale
task: simulated
data: plain
design: sobol
trials: {trials}
space:
  label_noise: {{uniform: [0ms, 100ms]}}
  softness: {{uniform: [0ms, 150ms]}}
"""


class Sampler:
    """Samples the driver five times a second: time, dispatched, stored, memory, time in workers."""

    def __init__(self, progress: ProgressLine) -> None:
        self._progress = progress
        self._process = psutil.Process()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self.seen: list[Sample] = []

    def __enter__(self) -> Sampler:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def between(self, trials: int, column: int) -> tuple[Sample, Sample]:
        """Return the first samples at a tenth and at nine tenths of the trials."""
        early, late = (
            next(item for item in self.seen if item[column] >= trials * tenths // 10) for tenths in (1, 9)
        )
        return early, late

    def _serve(self) -> None:
        while not self._ended.wait(0.2):
            rss = self._process.memory_info().rss
            steps, done = SimulatedActors.steps, self._progress.counts.done
            self.seen.append((time.perf_counter(), steps, done, rss, SimulatedActors.worker_s))


def dispatch(trials: int, nodes: int, out: Path, *, mlflow: bool) -> dict[str, float]:
    """Run the study; return time and memory between its first and its last tenth."""
    register_simulated_task()
    simulate_actors()
    SimulatedActors.workers = nodes
    study = study_from_yaml(STUDY.format(trials=trials), name="scale")
    options = RunOptions(
        out=str(out), cache_dir=out / "cache", cpus=nodes, mlflow=mlflow, run_trial=SimulatedTrial()
    )
    progress = ProgressLine(Counts(0))
    started, cpu_started = time.perf_counter(), time.process_time()
    sampler = Sampler(progress)
    with sampler:
        run_study(study, options, progress=progress)
    whole, cpu = time.perf_counter() - started, time.process_time() - cpu_started
    found: dict[str, float] = {"whole study, s": whole, "processor time of the driver, s": cpu}
    for name, column in (("dispatched", 1), ("stored", 2)):
        early, late = sampler.between(trials, column)
        done = late[column] - early[column]
        found[f"a trial {name}, ms"] = 1000 * (late[0] - early[0]) / done
    worker_ms = 1000 * SimulatedActors.worker_s / trials
    return found | {
        "of this in workers, elsewhere on a cluster, ms": worker_ms,
        "processor time a trial without that, ms": 1000 * cpu / trials - worker_ms,
        "driver's memory at the end, MB": sampler.seen[-1][3] / 1e6,
        "its growth over 1 000 trials, MB": (late[3] - early[3]) / 1e6 * 1000 / done,
        "virtual time of the study, s": SimulatedActors.now_s,
        "nodes busy in that time, %": 100 * trials * SimulatedActors.trial_s / nodes / SimulatedActors.now_s,
    }


def reading(folder: Path) -> dict[str, float]:
    """Time store and analysis on the written study."""
    found: dict[str, float] = {}
    files = list(folder.rglob("*.parquet"))
    found["Parquet files"] = len(files)
    found["their size, MB"] = sum(path.stat().st_size for path in files) / 1e6
    if (folder / "mlflow.db").is_file():
        found["MLflow's database, MB"] = (folder / "mlflow.db").stat().st_size / 1e6
    started = time.perf_counter()
    TrialStore(StudyFolder(folder)).load()
    found["store: load the stored trials, s"] = time.perf_counter() - started
    started = time.perf_counter()
    trials = load_results(folder).completed
    found["analysis: load, s"] = time.perf_counter() - started
    started = time.perf_counter()
    surface = fit_surface(trials["label_noise_s"], trials["softness_s"], trials["f1"])
    surface.predict([0.05], [0.1])
    found["analysis: fit and one value, s"] = time.perf_counter() - started
    return found


def show(found: dict[str, float]) -> None:
    """Print rows of a table."""
    for name, value in found.items():
        print(f"| {name} | {value:.4g} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("trials", nargs="?", type=int, default=1000)
    parser.add_argument("--nodes", type=int, default=64)
    parser.add_argument("--no-mlflow", action="store_true")
    options = parser.parse_args()
    # Ray's processes read this when they start. No worker is started, because the actors are simulated.
    os.environ.update({"RAY_enable_worker_prestart": "0", "RAY_prestart_worker_first_driver": "0"})
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder)
        found = dispatch(options.trials, options.nodes, out, mlflow=not options.no_mlflow)
        print(f"{options.trials} trials on {options.nodes} simulated nodes")
        show(found)
        show(reading(out / "scale"))


if __name__ == "__main__":
    main()
