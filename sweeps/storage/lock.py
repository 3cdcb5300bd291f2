"""One driver a study: the second is refused, and a dead driver's lock holds nobody up."""

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
# Where the filesystem has no locks, the holder writes its name again every so often...
_RENEW_S = 15.0
# ...and is taken for dead after four silences, which a slow network must not reach.
_STALE_S = 60.0
# Two drivers that begin at once both write; after this long both see who wrote last.
_SETTLE_S = 2.0


class StudyLockedError(UserError):
    """Another driver is running the study."""


@contextmanager
def study_lock(folder: StudyFolder) -> Iterator[None]:
    """Hold a study for this process.

    On a local disk the lock is the operating system's, on a file that names the holder: it ends with its
    process, however that ends, so a stale one does not exist. Elsewhere (an object store) it is a lease: the
    holder writes its name every 15 s, and one that was silent for 60 s is taken over. So that two
    hosts judge alike, their clocks must agree within half a minute.

    Raises:
        StudyLockedError: Another driver holds it; the message names host, process and time.
    """
    if folder.local is None:
        with _lease(folder):
            yield
        return
    with _file_lock(folder, folder.local):
        yield


@contextmanager
def _file_lock(folder: StudyFolder, local: Path) -> Iterator[None]:
    """The operating system's lock."""
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
    """A lock that must be renewed, for filesystems that have none."""
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
    """Say again and again that the holder is alive; a network that is away is tried again."""
    while not ended.wait(_RENEW_S):
        try:
            if not _is_held(folder, mine):
                logger.error("%s was taken over by another driver: this one was silent too long", folder)
                return
            _renew(folder, mine)
        except OSError as error:
            logger.warning("the lock of %s could not be renewed: %s", folder, error)


def _renew(folder: StudyFolder, mine: Mapping[str, Any]) -> None:
    """Write the holder's name and the time."""
    folder.write(_NAME, json.dumps({**mine, "renewed": datetime.now(UTC).isoformat()}).encode())


def _is_held(folder: StudyFolder, mine: Mapping[str, Any]) -> bool:
    """Whether the lock is this driver's."""
    there = _parsed((folder.read(_NAME) or b"").decode(errors="replace"))
    return there is not None and there.get("token") == mine["token"]


def _age_s(holder: Mapping[str, Any]) -> float:
    """Seconds since a holder was heard of; infinite where that is not written."""
    try:
        return (datetime.now(UTC) - datetime.fromisoformat(str(holder["renewed"]))).total_seconds()
    except (KeyError, ValueError, TypeError):
        return float("inf")


def _myself() -> dict[str, Any]:
    """This driver."""
    return {"host": socket.gethostname(), "pid": os.getpid(), "since": datetime.now(UTC).isoformat()}


def _parsed(text: str) -> dict[str, Any] | None:
    """What a lock says of its holder, or None where it says nothing."""
    try:
        holder = json.loads(text)
    except ValueError:
        return None
    return holder if isinstance(holder, dict) else None


def _locked(folder: StudyFolder, holder: Mapping[str, Any] | None) -> StudyLockedError:
    """The refusal, which names the holder."""
    name = "another process"
    if holder is not None and {"pid", "host", "since"} <= set(holder):
        since = str(holder["since"])[:19]
        name = f"process {holder['pid']} on {holder['host']} since {since} UTC"
    return StudyLockedError(
        f"a study must have one driver, but {folder} is run by {name}: wait for it or end it"
    )
