"""A recommendation as text with at most 80 columns."""

from __future__ import annotations

from analysis.answers import FLAT_WITHIN, Choice, Estimate, Recommendation
from analysis.labels import metric_label
from analysis.tables import with_interval, wrapped

__all__ = ["recommendation_text"]

_FEW_TRIALS = 3


def recommendation_text(found: Recommendation) -> str:
    """Return the recommendation in a few lines: what to use, what to expect, and how sure that is."""
    best, label = found.choices[0], metric_label(found.metric)
    lines = [f"For labels off by {found.noise_ms:g} ms, use {best.name}{_softness(best)}."]
    if best.flat_ms and best.softness_ms:
        lines.append(
            f"A softness of {best.flat_ms[0]:.0f} to {best.flat_ms[1]:.0f} ms is within {FLAT_WITHIN:g} of "
            f"the best {label}. The optimum itself is between {best.softness_ms.low:.0f} and "
            f"{best.softness_ms.high:.0f} ms."
        )
    lines += _expectation(found, label)
    lines += _runner_up(found, label)
    if best.support < _FEW_TRIALS:
        lines.append(
            f"Few trials are close: the estimate is based on {best.support:.1f} effective trials. Run more "
            "trials there."
        )
    sources = "training and test recordings" if found.has_recordings else "training only (no stored events)"
    lines.append(f"Intervals: {100 * found.level:g} %, including the randomness of {sources}.")
    lines += [f"{note[0].upper()}{note[1:]}." for note in found.notes]
    return "\n".join(wrapped(line) for line in lines)


def _softness(choice: Choice) -> str:
    return f" with a softness of {choice.softness_ms.value:.0f} ms" if choice.softness_ms else ""


def _expectation(found: Recommendation, label: str) -> list[str]:
    """Return what to expect of the best choice, and on the same recordings."""
    best = found.choices[0]
    has_cost = found.noise_ms > found.least_noise_ms
    cost = f". Label noise reduces it by {_interval(best.cost)}" if has_cost else ""
    lines = [f"Expected {label}: {_interval(best.value)}{cost}."]
    if found.has_recordings:
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
    softness = f" (softness {second.softness_ms.value:.0f} ms)" if second.softness_ms else ""
    chance = f"{best.name} is better with a probability of {100 * found.probability_best:.0f} %."
    verdict = chance if found.is_certain else f"The data do not separate the two: {chance}"
    return [f"Second best: {second.name}{softness}, {label} {_interval(second.value)}. {verdict}"]


def _interval(estimate: Estimate) -> str:
    return with_interval(estimate.value, estimate.low, estimate.high)
