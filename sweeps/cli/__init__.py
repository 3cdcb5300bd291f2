"""The `softloc` command."""

from sweeps.cli.app import app, main

__all__ = ["app", "main"]
