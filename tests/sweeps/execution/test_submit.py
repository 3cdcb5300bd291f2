"""Submitting a study to a cluster: bad requests are rejected locally; jobs run, are followed and stopped."""

from __future__ import annotations

import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

import psutil
import pytest

from softloc_core.errors import ConfigError
from sweeps.cli.app import main
from sweeps.execution import submit
from sweeps.execution.submit import JobRequest, submit_study
from sweeps.study import Study, study_from_yaml

HEAD = Path(__file__).with_name("local_head.py")
COMMAND = "import sys; from sweeps.cli.app import main; sys.argv[0] = 'softloc'; main()"
TOKEN = "0123456789abcdef" * 4
LIMIT_S = 300.0
GOOD: Mapping[str, Any] = {"address": "http://127.0.0.1:1", "out": "/shared/studies"}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {"address": "ray://head:10001"},
            "--address must be Ray's dashboard, such as http://HOST:8265, but got ray:",
        ),
        (
            {"address": "head:8265"},
            "--address must be Ray's dashboard, such as http://HOST:8265, but got head:8265",
        ),
        ({"out": "runs"}, "--out must be an absolute folder on the head or an address .* but got runs"),
        ({"data_root": ("../mdb",)}, "--data-root must be an absolute folder on the head .* but got ../mdb"),
        (
            {"tracking_uri": "http://me:hunter2@host:5000"},
            r"--tracking-uri must not contain a password, .* but got http://me:\*\*\*@host:5000: set it in",
        ),
        (
            {"out": "s3://key:hunter2@bucket/x"},
            r"--out must not contain a password, .* but got s3://key:\*\*\*@bucket",
        ),
        (
            {},
            "--address must be the dashboard of a running Ray cluster, .* but got http://127.0.0.1:1: Conn",
        ),
    ],
)
def test_a_request_that_no_cluster_can_serve_is_rejected_locally(
    given: dict[str, Any], message: str, make_study: Callable[..., Study], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_AUTH_TOKEN", TOKEN)
    with pytest.raises(ConfigError, match=message):
        submit_study(make_study(), JobRequest(**{**GOOD, **given}))


class _Client:
    """A client that records submitted jobs."""

    submitted: dict[str, Any]

    def __init__(self, address: str) -> None:
        assert address == GOOD["address"]

    refusals: ClassVar = ["No available agent to submit job, please try again later."]

    def submit_job(self, **job: Any) -> None:
        if self.refusals:
            raise RuntimeError(self.refusals.pop())
        [file] = Path(job["runtime_env"]["working_dir"]).iterdir()
        type(self).submitted = {**job, "file": file.name, "text": file.read_text()}


def test_the_study_is_sent_with_its_overrides_and_options(
    make_study: Callable[..., Study], monkeypatch: pytest.MonkeyPatch
) -> None:
    from ray import job_submission

    monkeypatch.setattr(job_submission, "JobSubmissionClient", _Client)
    monkeypatch.setattr(submit.time, "sleep", lambda _: None)
    study = make_study("trials=7")
    request = JobRequest(
        **{**GOOD, "data_root": ("/data/it is",), "tracking_uri": "http://host:5000", "mlflow": False},
        options=("--max-hours", "2"),
    )
    text = submit_study(study, request)
    job = _Client.submitted
    target = f"{job['submission_id']} --address {GOOD['address']}"
    assert study_from_yaml(job["text"], name="x") == study
    assert shlex.split(job["entrypoint"]) == [
        "softloc", "run", "sim.yaml", "--address", "auto", "--out", "/shared/studies", "--data-root",
        "/data/it is", "--tracking-uri", "http://host:5000", "--no-mlflow", "--max-hours", "2",
    ]  # fmt: skip
    assert set(job["runtime_env"]) == {"working_dir"}  # no variable of this machine is sent
    assert re.fullmatch(r"softloc-sim-[0-9a-f]{8}", job["submission_id"])
    for line in (
        "  progress: on the head, softloc status /shared/studies/sim --watch",
        f"  log:      RAY_AUTH_MODE=token ray job logs --follow {target}",
        f"  stop:     RAY_AUTH_MODE=token ray job stop {target}",
    ):
        assert line in text.splitlines()


def test_an_unknown_option_of_run_is_rejected_locally(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["submit", "quickstart", "--address", "http://127.0.0.1:1", "--out", "/x"]
    monkeypatch.setattr(sys, "argv", ["softloc", *arguments, "--", "--nonsense", "1"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert "No such option: --nonsense" in capsys.readouterr().err


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@pytest.fixture
def head(tmp_path: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """Start a head that asks for a token, and return its address and an environment with the token."""
    port = free_port()
    environment = {**os.environ, "RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": TOKEN}
    environment |= {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "OMP_NUM_THREADS": "1"}
    environment |= {"SOFTLOC_CACHE": str(tmp_path / "cache")}
    environment.pop("RAY_ADDRESS", None)
    # Ray puts sockets into this folder, and their paths must be short.
    with tempfile.TemporaryDirectory(prefix="sl-head-", ignore_cleanup_errors=True) as folder:
        process = subprocess.Popen(
            [sys.executable, str(HEAD), str(port), folder],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment, start_new_session=True,
        )  # fmt: skip
        assert process.stdin is not None
        assert process.stdout is not None
        children: list[psutil.Process] = []
        try:
            assert process.stdout.readline() == "ready\n"
            yield f"http://127.0.0.1:{port}", environment
            children = psutil.Process(process.pid).children(recursive=True)
            process.stdin.close()
            process.wait(timeout=60)
        finally:
            process.kill()
            process.wait()
            process.stdout.close()
            for child in psutil.wait_procs(children, timeout=20)[1]:
                child.send_signal(signal.SIGKILL)


def softloc(*arguments: str, environment: dict[str, str]) -> tuple[int, str, str]:
    done = subprocess.run(
        [sys.executable, "-c", COMMAND, *arguments],
        capture_output=True, text=True, check=False, timeout=LIMIT_S, env=environment,
    )  # fmt: skip
    return done.returncode, done.stdout, done.stderr


def job_command(text: str, name: str) -> list[str]:
    """Return the words of a command that `softloc submit` printed, without its variable."""
    [line] = [line for line in text.splitlines() if line.strip().startswith(f"{name}:")]
    return shlex.split(line.partition("RAY_AUTH_MODE=token")[2])


def run_job_command(text: str, name: str, *, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a printed command, as a user would."""
    return subprocess.run(
        job_command(text, name),
        env=environment,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )


@pytest.mark.ray
@pytest.mark.slow
def test_a_job_runs_is_followed_and_stopped(head: tuple[str, dict[str, str]], tmp_path: Path) -> None:
    address, environment = head
    out = tmp_path / "studies"
    command = ("submit", "quickstart", "--address", address, "--out", str(out), "--trials", "4")
    # Without the token, a request is rejected.
    stranger = {**environment, "RAY_AUTH_TOKEN": TOKEN[::-1]}
    code, said, problem = softloc(*command, environment=stranger)
    assert (code, said) == (2, "")
    assert problem.startswith(
        "softloc: --address must be the dashboard of a running Ray cluster, such as http"
    )
    assert "Traceback" not in problem

    code, said, problem = softloc(*command, "--set", "iterations=5000", environment=environment)
    assert (code, problem) == (0, "")
    assert said.startswith("quickstart is job softloc-quickstart-")
    wait_for_status(out, "running")
    stopped = run_job_command(said, "stop", environment=environment)
    assert "was stopped" in stopped.stdout + stopped.stderr
    assert not list((out / "quickstart" / "trials").glob("*.parquet"))

    code, said, problem = softloc(
        *command, "--set", "iterations=5", "--set", "name=short", environment=environment
    )
    assert (code, problem) == (0, "")
    log = run_job_command(said, "log", environment=environment)
    assert "4 of 4 trials completed" in log.stdout
    code, status, _ = softloc("status", str(out / "short"), environment=environment)
    assert status.startswith(f"{out / 'short'}: done; 4 of 4 trials completed, 0 failed")


def wait_for_status(out: Path, state: str) -> None:
    end = time.monotonic() + LIMIT_S
    while time.monotonic() < end:
        files = list(out.glob("*/status.json"))
        if (
            files
            and f'"state": "{state}"' in files[0].read_text()
            and '"running": 0' not in files[0].read_text()
        ):
            return
        time.sleep(0.2)
    raise AssertionError("the job did not start")
