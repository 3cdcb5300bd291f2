"""Views of a study: which parameters a map plots, which it holds at a value, and which it averages over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from analysis.errors import AnalysisError, TooFewPointsError
from analysis.reading.axes import Axis, find_axis, parse_place
from analysis.reading.columns import LABEL_NOISE, SOFTNESS

__all__ = ["MOST_PARAMETERS", "At", "Layout", "View"]

MOST_PARAMETERS = 4
At = Mapping[str, str | float] | None


@dataclass(frozen=True)
class View:
    """The part of a study to show, if two or more parameters vary.

    Attributes:
        x: Parameter on the horizontal axis; softness when None, if it varies.
        y: Parameter on the vertical axis; label noise when None, if it varies.
        at: Parameters held at a value, by name. Durations have a unit (`60ms`) or are in seconds; other
            parameters are plain numbers. Categories such as `task` keep only the trials with this value.
        marginal: Parameters to average over. Parameters that are neither plotted nor held are averaged over
            anyway.
        over_noise: Whether to plot only label noise and softness, even if other parameters vary.
    """

    x: str | None = None
    y: str | None = None
    at: Mapping[str, str | float] = field(default_factory=dict)
    marginal: Sequence[str] = ()
    over_noise: bool = False

    def layout(self, swept: Sequence[Axis], *, location: str) -> Layout:
        """Return the layout of this view for a study that varies these parameters.

        Raises:
            AnalysisError: A parameter does not vary or is requested twice, or a value is not valid for it.
        """
        named = {name: find_axis(name, swept, location=location) for name in self._names}
        columns = [axis.column for axis in named.values()]
        if len(self._names) > len(set(columns)):
            raise AnalysisError(
                "each parameter must be plotted, held or averaged over once, but got "
                + ", ".join(self._names)
            )
        held = {named[name].column: parse_place(named[name], value) for name, value in self.at.items()}
        across, up = (named[name] if name else None for name in (self.x, self.y))
        free = [axis for axis in swept if axis.column not in columns]
        plotted = self._plotted(across, up, free)
        if not plotted:
            raise TooFewPointsError(f"a map needs a parameter to plot, but {location} varies no other")
        rest = [axis for axis in swept if axis not in plotted and axis.column not in held]
        first = [axis for axis in rest if axis.column in columns]
        rest = first + [axis for axis in rest if axis not in first]
        room = max(MOST_PARAMETERS - len(plotted) - len(held), 0)
        places = {axis: held[axis.column] for axis in swept if axis.column in held}
        return Layout(plotted, places, averaged=tuple(rest[:room]), ignored=tuple(rest[room:]))

    def suffix(self) -> str:
        """Return the suffix of file names that show this view; empty for the default view."""
        parts = [name for name in (self.x, self.y) if name]
        parts += [f"at_{name}_{value}" for name, value in self.at.items()]
        text = "_".join(["", *parts])
        return "".join(letter if letter.isalnum() or letter in "._-" else "-" for letter in text)

    @property
    def _names(self) -> list[str]:
        return [name for name in (self.x, self.y, *self.at, *self.marginal) if name]

    def _plotted(self, across: Axis | None, up: Axis | None, free: Sequence[Axis]) -> tuple[Axis, ...]:
        """Return the horizontal and vertical axes from the requested ones and the free ones."""
        usual = [axis for axis in free if axis.column in (SOFTNESS, LABEL_NOISE)]
        if self.over_noise and usual:
            return tuple(usual)
        left = list(free)
        usual = [axis for axis in left if axis.column == LABEL_NOISE]
        if up is None and usual and not (across is None and len(left) == 1):
            up = usual[0]
            left.remove(up)
        if across is None and left:
            across = left.pop(0)
        if up is None and left and across is not None:
            up = left.pop(0)
        return tuple(axis for axis in (across, up) if axis is not None)


@dataclass(frozen=True)
class Layout:
    """The role of each parameter in a view of one study.

    Attributes:
        plotted: The horizontal and vertical axes, or one axis if nothing else varies.
        held: Values of the held parameters, in display units.
        averaged: Parameters averaged over uniformly.
        ignored: Parameters beyond the largest number. They are averaged over as the trials are distributed.
    """

    plotted: tuple[Axis, ...]
    held: Mapping[Axis, float]
    averaged: tuple[Axis, ...]
    ignored: tuple[Axis, ...]

    @property
    def parameters(self) -> tuple[Axis, ...]:
        """The parameters of the regression: plotted, held and averaged."""
        return (*self.plotted, *self.held, *self.averaged)

    def plotted_only(self) -> Layout:
        """Return the layout without a regression over averaged parameters."""
        return Layout(self.plotted, self.held, averaged=(), ignored=(*self.averaged, *self.ignored))
