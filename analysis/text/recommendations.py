"""A recommendation as text with at most 80 columns."""

from __future__ import annotations

from analysis.answers import FLAT_WITHIN, Choice, Estimate, Recommendation
from analysis.tables import with_interval, wrapped
from analysis.text.units import intervals_text, unit_digits

__all__ = ["recommendation_text"]

_FEW_TRIALS = 3


def recommendation_text(found: Recommendation) -> str:
    """Return the recommendation in a few lines: what to use, what to expect, and how sure that is."""
    best, label = found.choices[0], found.metric_label
    lines = [f"For labels off by {found.noise:g} {found.axis.unit}, use {best.name}{_softness(best, found)}."]
    if best.flat and best.softness:
        flat = " to ".join(_number(place, found) for place in best.flat)
        optimum = " and ".join(_number(place, found) for place in (best.softness.low, best.softness.high))
        lines.append(
            f"A softness of {flat} {found.axis.unit} is within {FLAT_WITHIN:g} of the best {label}. The "
            f"optimum itself is between {optimum} {found.axis.unit}."
        )
    lines += _expectation(found, label)
    lines += _runner_up(found, label)
    if best.support < _FEW_TRIALS:
        lines.append(
            f"Few trials are close: the estimate is based on {best.support:.1f} effective trials. Run more "
            "trials there."
        )
    lines += intervals_text(found.sources, level=found.level)
    lines += [f"{note[0].upper()}{note[1:]}." for note in found.notes]
    return "\n".join(wrapped(line) for line in lines)


def _softness(choice: Choice, found: Recommendation) -> str:
    if choice.softness is None:
        return ""
    return f" with a softness of {_number(choice.softness.value, found)} {found.axis.unit}"


def _number(place: float, found: Recommendation) -> str:
    return f"{place:.{unit_digits(found.axis)}f}"


def _expectation(found: Recommendation, label: str) -> list[str]:
    """Return what to expect of the best choice, and on the same recordings."""
    best = found.choices[0]
    has_cost = found.noise > found.axis.low
    cost = f". Label noise reduces it by {_interval(best.cost)}" if has_cost else ""
    lines = [f"Expected {label}: {_interval(best.value)}{cost}."]
    if found.sources.has_recordings:
        here = best.value_here
        lines.append(
            f"After training again, on the same test recordings: {here.low:.3f} to {here.high:.3f}. The rest "
            "of the interval is due to the choice of recordings."
        )
    return lines


def _runner_up(found: Recommendation, label: str) -> list[str]:
    """Return how the best choice compares with the second best."""
    if len(found.choices) == 1:
        return ["The study has no other loss, so it cannot show whether another one would be better."]
    best, second = found.choices[:2]
    softness = ""
    if second.softness is not None:
        softness = f" (softness {_number(second.softness.value, found)} {found.axis.unit})"
    chance = f"{best.name} is better with a probability of {100 * found.probability_best:.0f} %."
    verdict = chance if found.is_certain else f"The data do not separate the two: {chance}"
    return [f"Second best: {second.name}{softness}, {label} {_interval(second.value)}. {verdict}"]


def _interval(estimate: Estimate) -> str:
    return with_interval(estimate.value, estimate.low, estimate.high)
