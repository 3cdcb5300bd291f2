"""The software and machine of a study's drivers, stored in its folder as one line for each driver."""

from __future__ import annotations

import json
import os
import platform
import socket
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib import metadata
from typing import Any

import psutil

from sweeps.storage.folder import StudyFolder
from sweeps.storage.provenance import source_provenance

__all__ = ["driver_environment", "environment_at", "read_environments", "remember_environment"]

_NAME = "environment.jsonl"
_PACKAGES = (
    "torch", "numpy", "numba", "scipy", "librosa", "mir_eval", "pandas", "pyarrow", "ray", "optuna", "mlflow",
)  # fmt: skip
Environment = Mapping[str, Any]


def driver_environment() -> dict[str, Any]:
    """Return versions, commit and machine, without variables and the command line, which may hold secrets."""
    version, commit = source_provenance()
    return {
        "since": datetime.now(UTC).isoformat(),
        "softloc": version,
        "git_commit": commit,
        "python": platform.python_version(),
        "packages": {name: _version(name) for name in _PACKAGES},
        "platform": platform.platform(),
        "host": socket.gethostname(),
        "cpus": len(os.sched_getaffinity(0)),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "gpus": _gpus(),
    }


def remember_environment(folder: StudyFolder) -> None:
    """Append this driver's environment to the study's folder."""
    folder.append(_NAME, (json.dumps(driver_environment()) + "\n").encode())


def read_environments(folder: StudyFolder) -> list[Environment]:
    """Return the environments of all drivers, oldest first, without lines that a killed driver cut."""
    found = []
    for line in (folder.read(_NAME) or b"").decode(errors="replace").splitlines():
        try:
            environment = json.loads(line)
            datetime.fromisoformat(environment["since"])
        except (ValueError, KeyError, TypeError):
            continue
        found.append(environment)
    return found


def environment_at(environments: Sequence[Environment], started_at: datetime) -> Environment | None:
    """Return the environment of a trial: that of the last driver started before it, or None if unknown."""
    earlier = [one for one in environments if datetime.fromisoformat(one["since"]) <= started_at]
    return earlier[-1] if earlier else None


def _version(package: str) -> str:
    """Return the installed version of a package, or `not installed`."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"


def _gpus() -> list[str]:
    """Return the names of this machine's GPUs."""
    import torch

    return [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
