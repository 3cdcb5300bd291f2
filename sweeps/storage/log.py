"""The driver's log, in the study's folder on any filesystem. A full disk does not stop the study."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Iterator
from pathlib import Path

from sweeps.redaction import RedactingFormatter
from sweeps.storage.folder import StudyFolder

__all__ = ["driver_log"]

_NAME = "logs/driver.log"
# An object store accepts whole files only, so the log is sent at this interval, not with every line.
_SEND_EVERY_S = 30.0


@contextlib.contextmanager
def driver_log(folder: StudyFolder) -> Iterator[None]:
    """Append everything that is logged to `logs/driver.log` in the study's folder."""
    handler = _FolderHandler(folder) if folder.local is None else _FileHandler(folder.local)
    handler.setFormatter(RedactingFormatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    root = logging.getLogger()
    previous = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    try:
        yield
    finally:
        root.removeHandler(handler)
        root.setLevel(previous)
        with contextlib.suppress(OSError):
            handler.close()


class _FileHandler(logging.FileHandler):
    """A log file on this machine."""

    def __init__(self, local: Path) -> None:
        (local / "logs").mkdir(parents=True, exist_ok=True)
        super().__init__(local / _NAME, encoding="utf-8")

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's own name
        """Do nothing. On a full disk the line is lost, and a traceback on the terminal would not help."""


class _FolderHandler(logging.Handler):
    """A log file on another filesystem, sent every half minute and at the end."""

    def __init__(self, folder: StudyFolder) -> None:
        super().__init__()
        self._folder = folder
        self._waiting: list[str] = []
        self._sent_s = time.monotonic()

    def emit(self, record: logging.LogRecord) -> None:
        """Buffer a line, and send the buffer when it is due."""
        self._waiting.append(self.format(record))
        if time.monotonic() - self._sent_s >= _SEND_EVERY_S:
            self.flush()

    def flush(self) -> None:
        """Send the buffer. Lines that cannot be sent are sent again with the next ones."""
        self._sent_s = time.monotonic()
        lines, self._waiting = self._waiting, []
        if not lines:
            return
        try:
            self._folder.append(_NAME, ("\n".join(lines) + "\n").encode())
        except OSError:
            self._waiting = [*lines, *self._waiting]

    def close(self) -> None:
        """Send the remaining lines."""
        self.flush()
        super().close()
