"""Durations in the task's unit of time, and what intervals include, as text."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

from analysis.answers import Sources
from analysis.reading import Axis
from analysis.tables import with_interval

__all__ = ["intervals_text", "radius_text", "unit_digits"]


def unit_digits(axis: Axis) -> int:
    """Return the decimals of a duration on this axis: none on long axes, one or two on short ones."""
    width = axis.high - axis.low
    return 0 if width >= 50 else 1 if width >= 5 else 2


def radius_text(row: Mapping[Hashable, Any], axis: Axis, *, beyond: float) -> str:
    """Return the radius in a row of `Comparison.summary` in the display unit, with its interval."""
    limits = [axis.of_ms(row[name]) for name in ("radius_ms", "radius_ms_low", "radius_ms_high")]
    return with_interval(*limits, digits=unit_digits(axis), beyond=f">{beyond:g}")


def intervals_text(sources: Sources, *, level: float) -> list[str]:
    """Return sentences on the level of intervals and on what they include and leave out."""
    first, *others = sources.notes
    return [f"Intervals: {100 * level:g} %, {first}", *others]
