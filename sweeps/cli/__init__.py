"""The `softloc` command line: it parses arguments, runs a command, and returns an exit status."""

from sweeps.cli.app import main

__all__ = ["main"]
