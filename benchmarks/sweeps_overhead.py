"""Measure the overhead of a trial: trials that train nothing, with a study and with plain Ray Tune.

python benchmarks/sweeps_overhead.py [TRIALS]
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import psutil

PLAIN_TRIALS = 60
# Plain Tune is stopped after this time, however many trials it has finished.
PLAIN_LIMIT_S = 240.0


def study(trials: int) -> dict[str, float]:
    """Run a simulated study with Parquet and MLflow."""
    from sweeps.execution import Counts, ProgressLine, RunOptions, run_study
    from sweeps.study import study_from_yaml
    from sweeps.testing import SimulatedTrial, register_simulated_task

    register_simulated_task()
    text = f"name: overhead\ntask: simulated\ndata: plain\ndesign: random\ntrials: {trials}\n"
    text += "space: {label_noise: {uniform: [0ms, 100ms]}, softness: {uniform: [0ms, 150ms]}}\n"
    process = psutil.Process()
    seen: list[tuple[float, int, int]] = []
    progress, ended = ProgressLine(Counts(0)), threading.Event()

    def watch() -> None:
        # Trials count once they are stored, which continues after the last one was dispatched.
        while not ended.wait(0.1):
            seen.append((time.perf_counter(), progress.counts.done, process.memory_info().rss))

    watcher = threading.Thread(target=watch)
    watcher.start()
    with tempfile.TemporaryDirectory() as folder:
        options = RunOptions(out=folder, cache_dir=Path(folder), cpus=2, run_trial=SimulatedTrial())
        try:
            run_study(study_from_yaml(text, name="overhead"), options, progress=progress)
        finally:
            ended.set()
            watcher.join()
    early = next(item for item in seen if item[1] >= trials // 10)
    late = next(item for item in seen if item[1] >= trials * 9 // 10)
    return {
        "seconds_a_trial": (late[0] - early[0]) / (late[1] - early[1]),
        "driver_growth_mb_over_1000": (late[2] - early[2]) / 1e6 * 1000 / (late[1] - early[1]),
    }


def plain(trials: int) -> dict[str, float]:
    """Run plain Ray Tune: a function trainable with the default callbacks."""
    import ray
    from ray import tune

    def trial(config: dict[str, float]) -> None:
        tune.report({"f1": config["x"]})

    with tempfile.TemporaryDirectory() as folder:
        ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
        config = tune.TuneConfig(num_samples=trials, time_budget_s=PLAIN_LIMIT_S)
        tuner = tune.Tuner(
            trial,
            param_space={"x": tune.uniform(0, 1)},
            tune_config=config,
            run_config=tune.RunConfig(storage_path=folder, verbose=0),
        )
        started = time.perf_counter()
        results = tuner.fit()
        elapsed = time.perf_counter() - started
        done = sum("f1" in (result.metrics or {}) for result in results)
        ray.shutdown()
    return {"seconds_a_trial": elapsed / done, "trials": done}


def measured(kind: str, trials: int) -> dict[str, float]:
    """Run one of the two in a separate process."""
    done = subprocess.run(
        [sys.executable, __file__, kind, str(trials)],
        capture_output=True,
        text=True,
        check=True,
        env=dict(os.environ),
        timeout=3600,
    )
    result: dict[str, float] = json.loads(done.stdout.strip().splitlines()[-1])
    return result


def main() -> None:
    if len(sys.argv) == 3:
        print(json.dumps({"study": study, "plain": plain}[sys.argv[1]](int(sys.argv[2]))))
        return
    trials = int(sys.argv[1]) if len(sys.argv) == 2 else 1000
    ours, tune_alone = measured("study", trials), measured("plain", PLAIN_TRIALS)
    print(f"study, {trials} trials: {1000 * ours['seconds_a_trial']:.0f} ms per trial, driver memory "
          f"{ours['driver_growth_mb_over_1000']:+.0f} MB over 1 000 trials")  # fmt: skip
    print(f"plain ray.tune.Tuner, {tune_alone['trials']:.0f} trials: "
          f"{1000 * tune_alone['seconds_a_trial']:.0f} ms a trial")  # fmt: skip


if __name__ == "__main__":
    main()
