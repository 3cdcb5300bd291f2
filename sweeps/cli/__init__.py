"""The `softloc` command: arguments in, an exit status out."""

from sweeps.cli.app import main

__all__ = ["main"]
