"""The mistakes a user can make. The command line prints their message and exits with status 2."""

__all__ = ["ConfigError", "DataError", "UserError"]


class UserError(ValueError):
    """What must hold, what came, and where to look, in one or two lines."""


class DataError(UserError):
    """A recording or an annotation that cannot be used; the message names the file and the line."""


class ConfigError(UserError):
    """A configuration value out of its range, or a name that is not registered; allowed values are listed."""
