"""A Ray session for the length of a study: quiet, and on this machine unless an address is given."""

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
# The path of Ray's sockets in its folder, and the longest path that the system accepts for a socket (107
# bytes, 103 on macOS, whose own TMPDIR is longer).
_SOCKET = "/session_2026-01-01_00-00-00_000000_0000000/sockets/plasma_store"
_LONGEST_SOCKET = 107 if sys.platform == "linux" else 103
_SHORT_FOLDER = Path("/tmp")
# Ray waits 30 s for its scheduler to start, which may be too short on a busy machine.
_ATTEMPTS = 3
_TOO_SLOW = "timed out during startup"


@contextmanager
def ray_session(*, address: str | None, cpus: int, gpus: int, threads: int) -> Iterator[Path]:
    """Start or join Ray, and leave it at the end.

    Args:
        address: Address of a running cluster, or None to start Ray on this machine.
        cpus: Number of cores, if Ray is started here.
        gpus: Number of GPUs, if Ray is started here.
        threads: Number of threads that a trial's libraries may use.

    Yields:
        A folder for Tune's own state, which is deleted at the end.

    Raises:
        ConfigError: There is no cluster at the address, or Ray does not start on this machine.
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
    """Return the folder for Ray's files: TMPDIR, or `/tmp` if that path is too long for sockets.

    Raises:
        ConfigError: Neither can be used.
    """
    wanted = Path(tempfile.gettempdir())
    # A name as mkdtemp makes it: the prefix, a process number, eight letters.
    beyond = len(f"/{_PREFIX}0000000-00000000{_SOCKET}")
    for folder in (wanted, _SHORT_FOLDER):
        if len(os.fsencode(folder)) + beyond <= _LONGEST_SOCKET and os.access(folder, os.W_OK | os.X_OK):
            return folder
    raise ConfigError(
        f"TMPDIR must be a writable folder with a path of at most {_LONGEST_SOCKET - beyond} characters, "
        f"because Ray puts sockets there, but got {wanted}, and {_SHORT_FOLDER} cannot be used instead"
    )


def _start(address: str | None, *, cpus: int, gpus: int, threads: int, folder: Path) -> None:
    """Start Ray, or connect to the cluster at the address."""
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
        # Ray raises a plain Exception if its scheduler does not start in time.
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        if address is None:
            raise ConfigError(
                f"Ray must start on this machine, but did not: {reason} Is it busy or its memory full? "
                "Nothing was lost: run the study again"
            ) from error
        raise ConfigError(f"--address must be a running Ray cluster, but got {address}: {reason}") from error
    finally:
        _quiet_ray()
        # Ray installs its own handlers, but an interruption of a study must reach ours.
        for number, handler in handlers.items():
            signal.signal(number, handler)


def _start_here(**arguments: Any) -> None:
    """Start Ray on this machine, and retry if it was only too slow."""
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
    """Send Ray's errors to our log file, and drop its warnings."""
    for name in ("ray", "ray.tune", "ray.data", "ray.train"):
        ray_logger = logging.getLogger(name)
        ray_logger.handlers.clear()
        ray_logger.propagate = True
        ray_logger.setLevel(logging.ERROR)


def _remove_stale_folders(base: Path) -> None:
    """Delete the folders of killed drivers."""
    for folder in base.glob(f"{_PREFIX}*"):
        pid = folder.name.removeprefix(_PREFIX).split("-")[0]
        if pid.isdigit() and not psutil.pid_exists(int(pid)):
            shutil.rmtree(folder, ignore_errors=True)
