"""Ray for the length of a study: quiet, on this machine alone unless an address is given."""

from __future__ import annotations

import logging
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import ray

from softloc_core.errors import ConfigError

__all__ = ["ray_session", "session_base"]

logger = logging.getLogger(__name__)
_PREFIX = "softloc-ray-"
# Ray's sockets lie this deep in its folder, and the system takes no socket with a longer path than the second
# (107 bytes, 103 on macOS, whose own TMPDIR is longer).
_SOCKET = "/session_2026-01-01_00-00-00_000000_0000000/sockets/plasma_store"
_LONGEST_SOCKET = 107 if sys.platform == "linux" else 103
_SHORT_FOLDER = Path("/tmp")
# Ray gives its scheduler 30 s to come up, which a busy machine may not keep to.
_ATTEMPTS = 3
_TOO_SLOW = "timed out during startup"


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
    base = session_base() if address is None else Path(tempfile.gettempdir())
    _remove_stale_folders(base)
    folder = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-", dir=base))
    try:
        _start(address, cpus=cpus, gpus=gpus, threads=threads, folder=folder)
        yield folder / "tune"
    finally:
        ray.shutdown()
        shutil.rmtree(folder, ignore_errors=True)


def session_base() -> Path:
    """Where Ray's own folder goes: that of temporary files, or `/tmp` where its path is too long for sockets.

    Raises:
        ConfigError: Neither will do.
    """
    wanted = Path(tempfile.gettempdir())
    # As mkdtemp makes it: the prefix, a process's number, eight letters.
    beyond = len(f"/{_PREFIX}0000000-00000000{_SOCKET}")
    for folder in (wanted, _SHORT_FOLDER):
        if len(os.fsencode(folder)) + beyond <= _LONGEST_SOCKET and os.access(folder, os.W_OK | os.X_OK):
            return folder
    raise ConfigError(
        f"TMPDIR must be a folder to write to with a path of at most {_LONGEST_SOCKET - beyond} characters, "
        f"for Ray's sockets lie below it, but got {wanted}, and {_SHORT_FOLDER} cannot take its place"
    )


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
            _start_here(num_cpus=cpus, num_gpus=gpus, _temp_dir=str(folder), **common)
        else:
            ray.init(address=address, **common)
    except Exception as error:
        # Ray raises a bare Exception where its scheduler is not up in time.
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


def _start_here(**arguments: Any) -> None:
    """A Ray of our own; one that is only slow is tried again."""
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            ray.init(address="local", include_dashboard=False, **arguments)
            return
        except Exception as error:
            if attempt == _ATTEMPTS or _TOO_SLOW not in str(error):
                raise
            logger.warning("Ray did not start in time, attempt %d of %d: %s", attempt, _ATTEMPTS, error)
            ray.shutdown()


def _quiet_ray() -> None:
    """Ray's errors go where ours go (a log file); its warnings, as of files it was told to omit, nowhere."""
    for name in ("ray", "ray.tune", "ray.data", "ray.train"):
        ray_logger = logging.getLogger(name)
        ray_logger.handlers.clear()
        ray_logger.propagate = True
        ray_logger.setLevel(logging.ERROR)


def _remove_stale_folders(base: Path) -> None:
    """Delete what a killed driver left behind."""
    for folder in base.glob(f"{_PREFIX}*"):
        pid = folder.name.removeprefix(_PREFIX).split("-")[0]
        if pid.isdigit() and not psutil.pid_exists(int(pid)):
            shutil.rmtree(folder, ignore_errors=True)
