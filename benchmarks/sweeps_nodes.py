"""Measure the throughput of a study on 1, 2 and 4 nodes of a Ray cluster on this machine.

python benchmarks/sweeps_nodes.py [TRIALS_A_NODE]

Trials sleep for half a second, so that nodes that share the cores of this machine do not slow each other
down. The benchmark therefore measures how dispatch scales. Every node has one core, the head has none.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TRIAL_S = 0.5
STUDY = """\
name: nodes
task: simulated
data: plain
design: random
trials: {trials}
space: {{label_noise: {{uniform: [0ms, 100ms]}}, softness: {{uniform: [0ms, 150ms]}}}}
"""


def throughput(nodes: int, trials: int) -> dict[str, float]:
    """Return the trials per second between the first and the last tenth of a study."""
    from sweeps.execution import set_ray_environment

    set_ray_environment(local=False)
    from ray.cluster_utils import Cluster

    from sweeps.execution import Counts, ProgressLine, RunOptions, run_study
    from sweeps.study import study_from_yaml
    from sweeps.testing import SimulatedTrial, register_simulated_task

    register_simulated_task()
    seen: list[tuple[float, int]] = []

    class Watched(ProgressLine):
        def update(self) -> None:
            seen.append((time.perf_counter(), self.counts.done))

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    try:
        for _ in range(nodes):
            cluster.add_node(num_cpus=1)
        with tempfile.TemporaryDirectory() as folder:
            study = study_from_yaml(STUDY.format(trials=trials), name="nodes")
            options = RunOptions(
                out=folder,
                cache_dir=Path(folder) / "cache",
                address=cluster.address,
                run_trial=SimulatedTrial(duration_s=TRIAL_S),
            )
            run_study(study, options, progress=Watched(Counts(0)))
    finally:
        cluster.shutdown()
    early = next(item for item in seen if item[1] >= trials // 10)
    late = next(item for item in seen if item[1] >= trials * 9 // 10)
    return {"trials_a_second": (late[1] - early[1]) / (late[0] - early[0])}


def main() -> None:
    if len(sys.argv) == 3:
        print(json.dumps(throughput(int(sys.argv[1]), int(sys.argv[2]))))
        return
    a_node = int(sys.argv[1]) if len(sys.argv) == 2 else 60
    print("| nodes | trials per second | share of what the trials' own time allows |\n|---|---|---|")
    for nodes in (1, 2, 4):
        command = [sys.executable, __file__, str(nodes), str(a_node * nodes)]
        environment = {**os.environ, "RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": os.urandom(32).hex()}
        done = subprocess.run(
            command, capture_output=True, text=True, check=True, env=environment, timeout=600
        )
        rate = json.loads(done.stdout.strip().splitlines()[-1])["trials_a_second"]
        print(f"| {nodes} | {rate:.2f} | {100 * rate * TRIAL_S / nodes:.0f} % |", flush=True)


if __name__ == "__main__":
    main()
