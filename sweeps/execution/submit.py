"""Submit a study to a cluster as a Ray job. Its driver runs on the head, so this machine may disconnect."""

from __future__ import annotations

import logging
import shlex
import tempfile
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from softloc_core.errors import ConfigError
from sweeps.execution.ray.environment import set_ray_environment
from sweeps.planning import parse_data_roots
from sweeps.redaction import redacted
from sweeps.storage import inside
from sweeps.study import Study

__all__ = ["JobRequest", "submit_study"]

_PATIENCE_S = 120.0


@dataclass(frozen=True, kw_only=True)
class JobRequest:
    """What a cluster should run.

    Attributes:
        address: Ray's dashboard, as http://HOST:8265.
        out: Folder for studies, absolute on the head, or any address pyarrow opens.
        data_root: Absolute folders of the recorded data on the head, each as `DIR` or `TASK=DIR`.
        tracking_uri: MLflow's address as seen from the head, or None.
        mlflow: Whether the results are written to MLflow as well.
        options: Further options of `softloc run`.
    """

    address: str
    out: str
    data_root: tuple[str, ...] = ()
    tracking_uri: str | None = None
    mlflow: bool = True
    options: Sequence[str] = ()


def submit_study(study: Study, request: JobRequest) -> str:
    """Submit a study, and return a text that says what was submitted and how to follow and stop it.

    The study is sent as a file, with its overrides applied. softloc itself must be installed on the head. No
    environment variables are sent, because everyone who can see the cluster's jobs could read them.

    Raises:
        ConfigError: The request cannot work on any cluster, or there is no cluster at the address.
    """
    _validate(request)
    set_ray_environment(local=False)
    job_id = f"softloc-{study.name}-{uuid.uuid4().hex[:8]}"
    with tempfile.TemporaryDirectory(prefix="softloc-submit-") as folder:
        file = Path(folder) / f"{study.name}.yaml"
        file.write_text(study.to_yaml(), encoding="utf-8")
        job = {
            "entrypoint": shlex.join(_command(file.name, request)),
            "submission_id": job_id,
            "runtime_env": {"working_dir": folder},
            "metadata": {"softloc_study": study.name},
        }
        try:
            _submit(request.address, job)
        except Exception as error:
            # Ray passes on any error of its HTTP library, its tokens or its server.
            reason = redacted(" ".join(str(error).split()))[:300]
            raise ConfigError(
                "--address must be the dashboard of a running Ray cluster, such as http://127.0.0.1:8265, "
                f"but got {redacted(request.address)}: {type(error).__name__}: {reason}"
            ) from error
    return _submitted_text(study, request, job_id)


def _submit(address: str, job: Mapping[str, Any]) -> None:
    """Submit a job. A head that has just started rejects jobs, so retry for up to two minutes."""
    from ray.job_submission import JobSubmissionClient

    for name in ("ray", "ray.dashboard.modules.dashboard_sdk", "ray.dashboard.modules.job.sdk"):
        logging.getLogger(name).setLevel(logging.WARNING)
    client = JobSubmissionClient(address)
    until_s = time.monotonic() + _PATIENCE_S
    while True:
        try:
            client.submit_job(**job)
            return
        except RuntimeError as error:
            if "try again later" not in str(error) or time.monotonic() > until_s:
                raise
            time.sleep(1.0)


def _command(study_file: str, request: JobRequest) -> list[str]:
    """Return the command that the head runs."""
    command = ["softloc", "run", study_file, "--address", "auto", "--out", request.out]
    command += [part for given in request.data_root for part in ("--data-root", given)]
    command += ["--tracking-uri", request.tracking_uri] if request.tracking_uri is not None else []
    command += [] if request.mlflow else ["--no-mlflow"]
    return [*command, *request.options]


def _validate(request: JobRequest) -> None:
    """Raise if the request could only fail on the cluster, or would show a secret there.

    Raises:
        ConfigError: An address or folder that the head cannot use, or one that contains a password.
    """
    parts = urlsplit(request.address)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigError(
            "--address must be Ray's dashboard, such as http://HOST:8265, "
            f"but got {redacted(request.address)}"
        )
    roots = parse_data_roots(request.data_root)
    folders = [str(folder) for folder in (roots.common, *roots.own.values()) if folder is not None]
    for option, path in (("--out", request.out), *(("--data-root", folder) for folder in folders)):
        if "://" not in path and not PurePosixPath(path).is_absolute():
            raise ConfigError(
                f"{option} must be an absolute folder on the head or an address such as s3://BUCKET/studies "
                f"(a job's own folder is deleted when it ends), but got {path}"
            )
    for option, address in (("--out", request.out), ("--tracking-uri", request.tracking_uri)):
        if address is not None and urlsplit(address).password:
            raise ConfigError(
                f"{option} must not contain a password, because everyone who can see the cluster can see a "
                f"job's command, but got {redacted(address)}: set it in the head's environment "
                "(MLFLOW_TRACKING_PASSWORD, AWS_SECRET_ACCESS_KEY)"
            )


def _submitted_text(study: Study, request: JobRequest, job_id: str) -> str:
    """Return what was submitted, and how to follow and stop it."""
    location = inside(request.out, study.name)
    where = "" if "://" in request.out else "on the head, "
    job = f"{job_id} --address {request.address}"
    return "\n".join(
        [
            f"{study.name} is job {job_id} on {request.address}; this machine may disconnect",
            f"  progress: {where}softloc status {location} --watch",
            f"  log:      RAY_AUTH_MODE=token ray job logs --follow {job}",
            f"  stop:     RAY_AUTH_MODE=token ray job stop {job}",
            "  finished trials are kept when a job stops; submit the study again to continue",
        ]
    )
