"""Which of a study's parameters a map draws, which it holds at a value, and which it averages over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from analysis.errors import AnalysisError, TooFewPointsError
from analysis.reading.axes import LABEL_NOISE, SOFTNESS, Axis, find_axis, parse_place

__all__ = ["MOST_PARAMETERS", "At", "Layout", "View"]

MOST_PARAMETERS = 4
At = Mapping[str, str | float] | None


@dataclass(frozen=True)
class View:
    """What a person asks to see of a study that varies two parameters or more.

    Attributes:
        x: Parameter drawn across; softness when None, where it varies.
        y: Parameter drawn up; label noise when None, where it varies.
        at: Parameters held at a value, by name: a duration with its unit (`60ms`) or in seconds, a plain
            number for what has no unit.
        marginal: Parameters averaged over, which those that are neither drawn nor held are anyway.
        over_noise: Whether label noise is drawn alone, or beside softness, whatever else varies.
    """

    x: str | None = None
    y: str | None = None
    at: Mapping[str, str | float] = field(default_factory=dict)
    marginal: Sequence[str] = ()
    over_noise: bool = False

    def layout(self, swept: Sequence[Axis], *, location: str) -> Layout:
        """The view of a study that varies these parameters.

        Raises:
            AnalysisError: A parameter that the study does not vary or that is asked for twice, or a value
                that it cannot be held at.
        """
        named = {name: find_axis(name, swept, location=location) for name in self._names}
        columns = [axis.column for axis in named.values()]
        if len(self._names) > len(set(columns)):
            raise AnalysisError(
                "a parameter must be drawn, held or averaged over once, but got " + ", ".join(self._names)
            )
        held = {named[name].column: parse_place(named[name], value) for name, value in self.at.items()}
        across, up = (named[name] if name else None for name in (self.x, self.y))
        free = [axis for axis in swept if axis.column not in columns]
        drawn = self._drawn(across, up, free)
        if not drawn:
            raise TooFewPointsError(f"a map needs a parameter to draw, but {location} varies no other")
        rest = [axis for axis in swept if axis not in drawn and axis.column not in held]
        first = [axis for axis in rest if axis.column in columns]
        rest = first + [axis for axis in rest if axis not in first]
        room = max(MOST_PARAMETERS - len(drawn) - len(held), 0)
        places = {axis: held[axis.column] for axis in swept if axis.column in held}
        return Layout(drawn, places, averaged=tuple(rest[:room]), ignored=tuple(rest[room:]))

    def suffix(self) -> str:
        """What a file that shows this view adds to its name; nothing for the default view."""
        parts = [name for name in (self.x, self.y) if name]
        parts += [f"at_{name}_{value}" for name, value in self.at.items()]
        text = "_".join(["", *parts])
        return "".join(letter if letter.isalnum() or letter in "._-" else "-" for letter in text)

    @property
    def _names(self) -> list[str]:
        return [name for name in (self.x, self.y, *self.at, *self.marginal) if name]

    def _drawn(self, across: Axis | None, up: Axis | None, free: Sequence[Axis]) -> tuple[Axis, ...]:
        """The axes, across and then up, from what was asked for and what is left."""
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
    """A view of one study.

    Attributes:
        drawn: Across, then up; one where nothing else varies.
        held: Places of the held parameters, in shown units.
        averaged: Averaged over, all of their range counting alike.
        ignored: What there was no room for: averaged over as the trials happen to lie.
    """

    drawn: tuple[Axis, ...]
    held: Mapping[Axis, float]
    averaged: tuple[Axis, ...]
    ignored: tuple[Axis, ...]

    @property
    def parameters(self) -> tuple[Axis, ...]:
        """All that the regression knows: drawn, held, averaged."""
        return (*self.drawn, *self.held, *self.averaged)

    def drawn_only(self) -> Layout:
        """The same without a regression over what is averaged."""
        return Layout(self.drawn, self.held, averaged=(), ignored=(*self.averaged, *self.ignored))
