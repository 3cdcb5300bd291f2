"""The lock of a study: one driver at a time, and the lock of a dead driver expires."""

from __future__ import annotations

import fcntl
import json
import logging
import os
import socket
import threading
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from softloc_core.errors import UserError
from sweeps.storage.folder import StudyFolder

__all__ = ["StudyLockedError", "study_lock"]

logger = logging.getLogger(__name__)
_NAME = "driver.lock"
# On a filesystem without locks, the holder renews its lease this often...
_RENEW_S = 15.0
# ...and is considered dead after four missed renewals, which a slow network should never cause.
_STALE_S = 60.0
# If two drivers start at once, both write. After this time both see who wrote last.
_SETTLE_S = 2.0


class StudyLockedError(UserError):
    """The study is locked by another driver."""


@contextmanager
def study_lock(folder: StudyFolder) -> Iterator[None]:
    """Lock a study for this process.

    On a local disk this is a lock of the operating system on a file that names the holder. It ends with its
    process, even if that is killed, so it cannot be stale. On other filesystems, such as an object store, it
    is a lease: the holder renews it every 15 s, and another driver may take it over after 60 s without
    renewal. The clocks of the two hosts must agree within half a minute.

    Raises:
        StudyLockedError: Another driver holds the lock. The message names its host, process and start.
    """
    if folder.local is None:
        with _lease(folder):
            yield
        return
    with _file_lock(folder, folder.local):
        yield


@contextmanager
def _file_lock(folder: StudyFolder, local: Path) -> Iterator[None]:
    """Hold a lock of the operating system."""
    local.mkdir(parents=True, exist_ok=True)
    with (local / _NAME).open("a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            file.seek(0)
            raise _locked(folder, _parsed(file.read())) from error
        file.seek(0)
        file.truncate()
        file.write(json.dumps(_myself()))
        file.flush()
        yield
        file.truncate(0)


@contextmanager
def _lease(folder: StudyFolder) -> Iterator[None]:
    """Hold a lease that must be renewed, for filesystems without locks."""
    there = _parsed((folder.read(_NAME) or b"").decode(errors="replace"))
    if there is not None and _age_s(there) < _STALE_S:
        raise _locked(folder, there)
    mine = {**_myself(), "token": uuid.uuid4().hex}
    _renew(folder, mine)
    time.sleep(_SETTLE_S)
    if not _is_held(folder, mine):
        raise _locked(folder, _parsed((folder.read(_NAME) or b"").decode(errors="replace")))
    ended = threading.Event()
    thread = threading.Thread(target=_keep_renewing, args=(folder, mine, ended), name="lease", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        with suppress(OSError):
            if _is_held(folder, mine):
                folder.write(_NAME, b"")


def _keep_renewing(folder: StudyFolder, mine: Mapping[str, Any], ended: threading.Event) -> None:
    """Renew the lease at regular intervals. If the network is down, retry."""
    while not ended.wait(_RENEW_S):
        try:
            if not _is_held(folder, mine):
                logger.error(
                    "%s was taken over by another driver, because this one did not renew its lock in time",
                    folder,
                )
                return
            _renew(folder, mine)
        except OSError as error:
            logger.warning("the lock of %s could not be renewed: %s", folder, error)


def _renew(folder: StudyFolder, mine: Mapping[str, Any]) -> None:
    """Write the holder and the time."""
    folder.write(_NAME, json.dumps({**mine, "renewed": datetime.now(UTC).isoformat()}).encode())


def _is_held(folder: StudyFolder, mine: Mapping[str, Any]) -> bool:
    """Whether this driver holds the lock."""
    there = _parsed((folder.read(_NAME) or b"").decode(errors="replace"))
    return there is not None and there.get("token") == mine["token"]


def _age_s(holder: Mapping[str, Any]) -> float:
    """Return the seconds since the last renewal; infinite if there is no time."""
    try:
        return (datetime.now(UTC) - datetime.fromisoformat(str(holder["renewed"]))).total_seconds()
    except (KeyError, ValueError, TypeError):
        return float("inf")


def _myself() -> dict[str, Any]:
    """Describe this driver."""
    return {"host": socket.gethostname(), "pid": os.getpid(), "since": datetime.now(UTC).isoformat()}


def _parsed(text: str) -> dict[str, Any] | None:
    """Return the holder that a lock file describes, or None if it describes none."""
    try:
        holder = json.loads(text)
    except ValueError:
        return None
    return holder if isinstance(holder, dict) else None


def _locked(folder: StudyFolder, holder: Mapping[str, Any] | None) -> StudyLockedError:
    """Return the error that names the holder."""
    name = "another process"
    if holder is not None and {"pid", "host", "since"} <= set(holder):
        since = str(holder["since"])[:19]
        name = f"process {holder['pid']} on {holder['host']} since {since} UTC"
    return StudyLockedError(
        f"a study must have one driver, but {folder} is run by {name}: wait until it ends, or stop it"
    )
