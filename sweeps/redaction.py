"""Keeps secrets out of what is written: logs, error texts, addresses."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Mapping

__all__ = ["RedactingFormatter", "redacted"]

_HIDDEN = "***"
# Names of environment variables whose values are secret: AWS_SECRET_ACCESS_KEY, MLFLOW_TRACKING_PASSWORD, ...
_SECRET_NAME = re.compile(r"(SECRET|PASSWORD|PASSWD|PASSPHRASE|TOKEN|CREDENTIAL|API_?KEY|PRIVATE_?KEY)", re.I)
# Names that end so hold a path or a switch, which a message needs.
_PLAIN_NAME = re.compile(r"(_PATH|_FILE|_DIR|_MODE)$", re.I)
_USER_INFO = re.compile(r"(?<=://)([^/\s:@'\"]*):([^/\s'\"]+)@")
# A shorter value may be part of an ordinary word.
_SHORTEST = 6


def redacted(text: str, *, environment: Mapping[str, str] | None = None) -> str:
    """A text without passwords in addresses and without the values of secret environment variables.

    Only what is recognised is hidden: `user:password@` in an address, and the value, at least 6 characters
    long, of a variable whose name says secret, password, token, credential or key.

    Args:
        text: Any text, as an error message or a traceback.
        environment: Environment variables; the process's own when None.
    """
    text = _USER_INFO.sub(rf"\1:{_HIDDEN}@", text)
    variables = os.environ if environment is None else environment
    values = {
        value
        for name, value in variables.items()
        if len(value) >= _SHORTEST and _SECRET_NAME.search(name) and not _PLAIN_NAME.search(name)
    }
    for value in sorted(values, key=len, reverse=True):
        text = text.replace(value, _HIDDEN)
    return text


class RedactingFormatter(logging.Formatter):
    """Formats a record with its traceback, then hides secrets."""

    def format(self, record: logging.LogRecord) -> str:
        """The line or lines of a record."""
        return redacted(super().format(record))
