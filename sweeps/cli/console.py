"""Output of the commands."""

from __future__ import annotations

from rich.console import Console

__all__ = ["print_line"]


def print_line(text: str = "") -> None:
    """Print a line to standard output unchanged: without wrapping, colours or markup."""
    Console(highlight=False, soft_wrap=True, markup=False).print(text)
