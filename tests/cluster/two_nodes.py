"""A two-node cluster started with `ray up` in separate namespaces, for test_two_nodes.py only.

`ray up` calls `ray stop`, which ends every Ray process that it sees. This script therefore does not run where
it sees the machine's processes. It must have its own mount, process and network namespaces, and its worker
must have further ones.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import yaml

HEAD, WORKER = "127.0.0.1", "127.0.0.2"
PATIENCE_S = 300.0
ROOT = Path(__file__).resolve().parents[2]


class TwoNodes:
    """The cluster, its files, and a study on it."""

    def __init__(self, work: Path) -> None:
        self.work = work
        self.cluster = work / "cluster.yaml"
        self.results = work / "runs" / "sim"
        self.packages = os.environ.get("SOFTLOC_SSHD_ROOT", "")
        python = Path(sys.executable).parent
        self.path = f"{python}:{self.packages}/usr/sbin:{self.packages}/usr/bin:{os.environ['PATH']}"
        self.libraries = f"{self.packages}/usr/lib/x86_64-linux-gnu:{self.packages}/lib/x86_64-linux-gnu"
        self.environment = {
            **os.environ,
            "HOME": str(work / "head"),
            "PATH": self.path,
            "LD_LIBRARY_PATH": self.libraries,
            "RAY_AUTH_MODE": "token",
            "SIMULATED_ADDRESS": "auto",
        }

    def run(self, *command: str, timeout_s: float = PATIENCE_S) -> str:
        """Run a command and return its output."""
        done = subprocess.run(
            command, env=self.environment, capture_output=True, text=True, timeout=timeout_s, check=False
        )
        assert done.returncode == 0, f"{' '.join(command)}: {done.stdout[-3000:]}{done.stderr[-3000:]}"
        return done.stdout

    def prepare(self) -> None:
        """Write the home folders, the keys and the cluster file."""
        for name in ("head", "worker"):
            home = self.work / name
            (home / ".ssh").mkdir(parents=True, mode=0o700)
            profile = f"export PATH={self.path} LD_LIBRARY_PATH={self.libraries}\n"
            for file in (".bash_profile", ".bashrc"):
                (home / file).write_text(profile)
        key = self.work / "head" / ".ssh" / "id_ed25519"
        for path in (key, self.work / "host_key"):
            self.run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path))
        (self.work / "authorized_keys").write_text(key.with_suffix(".pub").read_text())
        self.run("ray", "get-auth-token", "--generate")
        self._write_cluster(key)

    def _write_cluster(self, key: Path) -> None:
        """Write the shipped cluster file with the addresses of these two nodes."""
        content = yaml.safe_load((ROOT / "deploy" / "local_cluster.yaml").read_text())
        content["provider"] = {"type": "local", "head_ip": HEAD, "worker_ips": [WORKER]}
        content["auth"] = {"ssh_user": "root", "ssh_private_key": str(key)}
        content["max_workers"] = 1
        # Both addresses are this machine's, so the worker states its own and avoids the ports of the head.
        content["worker_start_ray_commands"][-1] += (
            f" --node-ip-address={WORKER} --num-cpus=2 --dashboard-agent-listen-port=52366"
            " --min-worker-port=20000 --max-worker-port=29999"
        )
        self.cluster.write_text(yaml.safe_dump(content, sort_keys=False))

    def serve(self, name: str, address: str) -> subprocess.Popen[bytes]:
        """Start an sshd on one address with its own home folder. The worker sees only its own processes."""
        config = self.work / f"sshd_{name}"
        config.write_text(
            f"ListenAddress {address}\nPort 22\nHostKey {self.work}/host_key\nPidFile none\nUsePAM no\n"
            f"AuthorizedKeysFile {self.work}/authorized_keys\nPasswordAuthentication no\nStrictModes no\n"
            f"PermitRootLogin prohibit-password\nMaxStartups 100\n"
            f"SetEnv PATH={self.path} LD_LIBRARY_PATH={self.libraries}\n"
        )
        users = [
            line for line in Path("/etc/passwd").read_text().splitlines() if not line.startswith("root:")
        ]
        users = [f"root:x:0:0:root:{self.work / name}:/bin/bash", *users]
        if not any(line.startswith("sshd:") for line in users):
            users.append("sshd:x:64001:65534::/run/sshd:/usr/sbin/nologin")
        (self.work / f"passwd_{name}").write_text("\n".join(users) + "\n")
        sshd = self.run("sh", "-c", "command -v sshd").strip()
        steps = (
            f"mount --bind {self.work}/passwd_{name} /etc/passwd && mount -t tmpfs tmpfs /tmp/ray && "
            f"mount -t tmpfs tmpfs /dev/shm && chmod 1777 /dev/shm && "
            f"{sshd} -D -e -f {config}; wait"
        )
        own = ["unshare", "--mount", "--pid", "--fork", "--mount-proc"] if name == "worker" else []
        with (self.work / f"sshd_{name}.log").open("w") as log:
            return subprocess.Popen(
                [*own, "bash", "-c", steps],
                stdout=log,
                stderr=log,
                env=self.environment,
            )

    def say(self, text: str) -> None:
        """Print a progress message for the output of the test."""
        print(f"{time.strftime('%X')} {text}", flush=True)  # noqa: T201

    def wait_for_nodes(self, count: int) -> None:
        """Wait until this many nodes of the cluster are alive."""
        script = (
            "import ray; ray.init('auto', log_to_driver=False); print(sum(n['Alive'] for n in ray.nodes()))"
        )
        deadline = time.monotonic() + PATIENCE_S
        while True:
            done = subprocess.run(
                [sys.executable, "-c", script],
                env=self.environment,
                capture_output=True,
                text=True,
                check=False,
            )
            if done.returncode == 0 and int(done.stdout.split()[-1]) == count:
                return
            assert time.monotonic() < deadline, (
                f"waited for {count} nodes: {done.stdout}{done.stderr[-2000:]}"
            )
            time.sleep(2)

    def parts(self) -> int:
        """Return the number of stored trials."""
        return len(list((self.results / "trials").glob("[!.]*.parquet")))

    def on_worker(self, command: str) -> str:
        """Run a command on the worker, which sees only its own processes."""
        key = str(self.work / "head" / ".ssh" / "id_ed25519")
        options = ["-i", key, "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"]
        return self.run("ssh", "-q", *options, f"root@{WORKER}", command)


def validate_namespaces() -> None:
    """Exit if the machine's processes are visible."""
    outer = json.loads(os.environ["SOFTLOC_OUTER_NAMESPACES"])
    for kind, name in outer.items():
        if str(Path(f"/proc/self/ns/{kind}").readlink()) == name:
            raise SystemExit(f"two_nodes.py must run in its own {kind} namespace, but is in the machine's")


def main() -> None:
    validate_namespaces()
    nodes = TwoNodes(Path(sys.argv[1]))
    nodes.run("ip", "link", "set", "lo", "up")
    nodes.run("mount", "-t", "tmpfs", "tmpfs", "/run")
    Path("/run/sshd").mkdir(mode=0o755)
    Path("/tmp/ray").mkdir(exist_ok=True)
    nodes.prepare()
    servers = [nodes.serve("head", HEAD), nodes.serve("worker", WORKER)]
    time.sleep(2)
    assert all(server.poll() is None for server in servers)
    nodes.say("ray up")
    (nodes.work / "up.log").write_text(nodes.run("ray", "up", "-y", "--no-config-cache", str(nodes.cluster)))
    nodes.wait_for_nodes(2)
    nodes.say("two nodes are up")
    study(nodes)
    nodes.run("ray", "down", "-y", str(nodes.cluster))
    left = nodes.run("sh", "-c", "pidof raylet gcs_server || true").strip()
    assert left == "", f"ray down left {left}"
    nodes.say("the cluster is down")
    for server in servers:
        server.terminate()


def study(nodes: TwoNodes) -> None:
    """Run a study on the cluster and kill its only worker meanwhile."""
    driver = ROOT / "tests" / "sweeps" / "execution" / "simulated_driver.py"
    command = [
        sys.executable,
        str(driver),
        str(nodes.work / "study.yaml"),
        str(nodes.work / "runs"),
        "1.0",
        "0.0",
    ]
    with (nodes.work / "driver.log").open("w") as log:
        process = subprocess.Popen(command, env=nodes.environment, stdout=log, stderr=log)
        deadline = time.monotonic() + PATIENCE_S
        while nodes.parts() < 4:
            assert process.poll() is None, (nodes.work / "driver.log").read_text()
            assert time.monotonic() < deadline, (nodes.work / "driver.log").read_text()
            time.sleep(0.1)
        nodes.on_worker("kill -9 $(pidof raylet)")
        nodes.say(f"worker killed after {nodes.parts()} trials")
        status = process.wait(timeout=2 * PATIENCE_S)
    assert status == 0, (nodes.work / "driver.log").read_text()
    nodes.say(f"study finished: {nodes.parts()} trials")


if __name__ == "__main__":
    main()
