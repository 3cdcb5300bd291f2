"""`ray up` over a real sshd, on two addresses of this machine, in separate namespaces."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import yaml

pytestmark = [pytest.mark.slow, pytest.mark.ray]
SCRIPT = Path(__file__).with_name("two_nodes.py")
KINDS = ("mnt", "pid", "net")
OWN = ["unshare", "--mount", "--pid", "--net", "--fork", "--mount-proc", "--kill-child"]
PROGRAMS = ("unshare", "ip", "mount", "ssh", "ssh-keygen", "sshd", "rsync")
TRIALS = 16
STUDY = f"""\
name: sim
task: simulated
data: plain
trials: {TRIALS}
design: random
seed: 3
space:
  label_noise: {{uniform: [0ms, 100ms]}}
  softness: {{uniform: [0ms, 150ms]}}
"""


def missing() -> str | None:
    """Return why this machine cannot run the test, or None."""
    packages = os.environ.get("SOFTLOC_SSHD_ROOT", "")
    path = f"{os.environ['PATH']}:/usr/sbin:{packages}/usr/sbin:{packages}/usr/bin"
    absent = [name for name in PROGRAMS if not shutil.which(name, path=path)]
    if absent:
        return (
            f"needs {', '.join(absent)} (Debian: iproute2, openssh-server, openssh-client, rsync; "
            "or unpack them and set SOFTLOC_SSHD_ROOT to the folder)"
        )
    if os.geteuid() != 0:
        return "needs root, to create namespaces"
    trial = ["sh", "-c", "ip link set lo up && mount -t tmpfs tmpfs /run"]
    tried = subprocess.run([*OWN, *trial], capture_output=True, text=True, check=False)
    return f"cannot create namespaces: {tried.stderr.strip()}" if tried.returncode else None


def test_a_study_survives_the_loss_of_its_worker_on_a_cluster_started_with_ray_up(tmp_path: Path) -> None:
    if (reason := missing()) is not None:
        pytest.skip(reason)
    (tmp_path / "study.yaml").write_text(STUDY)
    # bash reaps processes whose parents have ended, which process 1 must do.
    command = [*OWN, "bash", "-c", f"{sys.executable} {SCRIPT} {tmp_path} & wait $!"]
    outer = {kind: str(Path(f"/proc/self/ns/{kind}").readlink()) for kind in KINDS}
    environment = {**os.environ, "SOFTLOC_OUTER_NAMESPACES": json.dumps(outer)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=1500, check=False)
    print(done.stdout)  # noqa: T201
    assert done.returncode == 0, f"{done.stdout}{done.stderr}"
    rows = [
        pq.read_table(path).to_pylist()[0] for path in (tmp_path / "runs" / "sim" / "trials").glob("[!.]*")
    ]
    assert len({row["trial_id"] for row in rows}) == len(rows) == TRIALS
    assert {row["status"] for row in rows} == {"completed"}
    status = json.loads((tmp_path / "runs" / "sim" / "status.json").read_text())
    assert status["retried"] >= 1
    # The worker has received the head's token, and only addresses and ports of the shipped file were changed.
    tokens = [(tmp_path / name / ".ray" / "auth_token").read_text() for name in ("head", "worker")]
    assert tokens[0] == tokens[1] != ""
    used = yaml.safe_load((tmp_path / "cluster.yaml").read_text())
    assert used["head_start_ray_commands"][0] == "ray stop"


def test_it_does_not_run_among_the_machines_processes(tmp_path: Path) -> None:
    outer = {kind: str(Path(f"/proc/self/ns/{kind}").readlink()) for kind in KINDS}
    done = subprocess.run(
        [sys.executable, str(SCRIPT), str(tmp_path)],
        env={**os.environ, "SOFTLOC_OUTER_NAMESPACES": json.dumps(outer)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert "must run in its own mnt namespace, but is in the machine's" in done.stderr
    assert list(tmp_path.iterdir()) == []
