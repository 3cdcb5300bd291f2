"""Errors for mistakes of the user. The command line prints their message and exits with status 2."""

__all__ = ["ConfigError", "DataError", "UserError"]


class UserError(ValueError):
    """A mistake of the user; the message says what must hold, what was given, and where to look."""


class DataError(UserError):
    """A recording or an annotation that cannot be used; the message names the file and the line."""


class ConfigError(UserError):
    """A value out of range or an unregistered name in a configuration; the message lists what is allowed."""
