"""What the commands print."""

from __future__ import annotations

from rich.console import Console

__all__ = ["print_line"]


def print_line(text: str = "") -> None:
    """A line on standard output, as it is: neither wrapped, coloured nor read as markup."""
    Console(highlight=False, soft_wrap=True, markup=False).print(text)
