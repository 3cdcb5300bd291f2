"""Hides secrets in everything that is written: logs, error messages, addresses."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Mapping

__all__ = ["RedactingFormatter", "redacted"]

_HIDDEN = "***"
# Names of environment variables whose values are secret: AWS_SECRET_ACCESS_KEY, MLFLOW_TRACKING_PASSWORD, ...
_SECRET_NAME = re.compile(r"(SECRET|PASSWORD|PASSWD|PASSPHRASE|TOKEN|CREDENTIAL|API_?KEY|PRIVATE_?KEY)", re.I)
# Variables with these endings hold a path or a switch, which messages need.
_PLAIN_NAME = re.compile(r"(_PATH|_FILE|_DIR|_MODE)$", re.I)
_USER_INFO = re.compile(r"(?<=://)([^/\s:@'\"]*):([^/\s'\"]+)@")
# A shorter value may be part of an ordinary word.
_SHORTEST = 6


def redacted(text: str, *, environment: Mapping[str, str] | None = None) -> str:
    """Return a text without passwords in addresses and without the values of secret environment variables.

    Only recognised secrets are hidden: `user:password@` in an address, and the value of a variable whose name
    contains secret, password, token, credential or key. The value must have at least 6 characters.

    Args:
        text: Any text, such as an error message or a traceback.
        environment: Environment variables. None stands for those of this process.
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
    """A formatter that hides secrets in a record and its traceback."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the lines of a record."""
        return redacted(super().format(record))
