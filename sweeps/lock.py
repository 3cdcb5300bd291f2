"""One driver a study: the second is refused, and a dead driver's lock holds nobody up."""

from __future__ import annotations

import fcntl
import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from softloc_core.errors import UserError
from sweeps.folder import StudyFolder

__all__ = ["StudyLockedError", "study_lock"]

_NAME = "driver.lock"


class StudyLockedError(UserError):
    """Another driver is running the study."""


@contextmanager
def study_lock(folder: StudyFolder) -> Iterator[None]:
    """Hold a study for this process.

    The lock is the operating system's, on a file that names the holder: it ends with its process, however
    that ends, so a stale one does not exist. On an object store there is no such lock, and none is taken.

    Raises:
        StudyLockedError: Another driver holds it; the message names host, process and time.
    """
    if folder.local is None:
        yield
        return
    folder.local.mkdir(parents=True, exist_ok=True)
    with (folder.local / _NAME).open("a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            file.seek(0)
            raise StudyLockedError(
                f"a study must have one driver, but {folder} is run by {_holder(file.read())}: "
                "wait for it or end it"
            ) from error
        file.seek(0)
        file.truncate()
        holder = {"host": socket.gethostname(), "pid": os.getpid(), "since": datetime.now(UTC).isoformat()}
        file.write(json.dumps(holder))
        file.flush()
        yield
        file.truncate(0)


def _holder(text: str) -> str:
    """Who holds the lock, in words."""
    try:
        holder = json.loads(text)
        return f"process {holder['pid']} on {holder['host']} since {holder['since'][:19]} UTC"
    except (ValueError, KeyError, TypeError):
        return "another process"
