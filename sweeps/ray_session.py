"""Ray for the length of a study: quiet, on this machine alone unless an address is given."""

from __future__ import annotations

import logging
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import ray

from softloc_core.errors import ConfigError

__all__ = ["ray_session"]

logger = logging.getLogger(__name__)
_PREFIX = "softloc-ray-"


@contextmanager
def ray_session(*, address: str | None, cpus: int, gpus: int, threads: int) -> Iterator[Path]:
    """Start or join Ray, and leave it again.

    Args:
        address: A running cluster, or None for a Ray of our own that ends with us.
        cpus: Cores of a Ray of our own.
        gpus: GPUs of a Ray of our own.
        threads: Threads that a trial's libraries may use.

    Yields:
        A folder for Tune's own state; it is deleted at the end.

    Raises:
        ConfigError: No cluster at the address, or a machine on which Ray does not start.
    """
    _remove_stale_folders()
    folder = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-"))
    try:
        _start(address, cpus=cpus, gpus=gpus, threads=threads, folder=folder)
        yield folder / "tune"
    finally:
        ray.shutdown()
        shutil.rmtree(folder, ignore_errors=True)


def _start(address: str | None, *, cpus: int, gpus: int, threads: int, folder: Path) -> None:
    """Connect."""
    count = str(threads)
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")
    common: dict[str, Any] = {
        "runtime_env": {"env_vars": dict.fromkeys(names, count)},
        "log_to_driver": False,
        "configure_logging": False,
        "logging_level": logging.ERROR,
    }
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        if address is None:
            ray.init(
                address="local",
                num_cpus=cpus,
                num_gpus=gpus,
                include_dashboard=False,
                _temp_dir=str(folder),
                **common,
            )
        else:
            ray.init(address=address, **common)
    except Exception as error:
        # Ray raises a bare Exception where its scheduler is not up within 30 s, as on a busy machine.
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        if address is None:
            raise ConfigError(
                f"Ray must start on this machine, but did not: {reason} Is it busy or its memory full? "
                "Nothing was lost: run the study again"
            ) from error
        raise ConfigError(f"--address must be a running Ray cluster, but got {address}: {reason}") from error
    finally:
        _quiet_ray()
        # Ray puts its own handler in place; an interrupted study must reach ours.
        for number, handler in handlers.items():
            signal.signal(number, handler)


def _quiet_ray() -> None:
    """Ray's errors go where ours go (a log file); its warnings, as of files it was told to omit, nowhere."""
    for name in ("ray", "ray.tune", "ray.data", "ray.train"):
        ray_logger = logging.getLogger(name)
        ray_logger.handlers.clear()
        ray_logger.propagate = True
        ray_logger.setLevel(logging.ERROR)


def _remove_stale_folders() -> None:
    """Delete what a killed driver left behind."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        pid = folder.name.removeprefix(_PREFIX).split("-")[0]
        if pid.isdigit() and not psutil.pid_exists(int(pid)):
            shutil.rmtree(folder, ignore_errors=True)
