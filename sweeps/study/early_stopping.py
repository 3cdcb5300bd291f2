"""Early stopping in a study file: the rule, its options, and the recordings whose score it uses."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from softloc_core.trial import SCORED_PARTS
from sweeps.study.fields import unknown_key
from sweeps.study.located_yaml import Located

__all__ = ["RULES", "EarlyStopping", "parse_early_stopping"]

RULES: Mapping[str, Mapping[str, float]] = {
    "asha": {"grace": 0.1, "reduction": 3},
    "median": {"grace": 0.3, "every": 0.1, "trials": 5},
    "hyperband": {"grace": 0.1, "reduction": 3, "brackets": 3},
}
"""The options of each rule and their defaults. `grace` and `every` are fractions of a trial's iterations."""

_NEEDS = {
    "grace": "a number above 0 and below 1 (a fraction of the iterations)",
    "every": "a number above 0 and below 1 (a fraction of the iterations)",
    "reduction": "a number above 1",
    "trials": "a whole number, at least 1",
    "brackets": "a whole number, at least 1",
}


@dataclass(frozen=True)
class EarlyStopping:
    """When trials report their score, and the rule that decides from it which trials to stop.

    Attributes:
        rule: One of `RULES`.
        options: All options of the rule.
        score_on: The recordings that a report scores, one of `SCORED_PARTS`.
    """

    rule: str
    options: Mapping[str, float]
    score_on: str = "validation"

    @property
    def fractions(self) -> tuple[float, ...]:
        """Fractions of a trial's iterations at which it reports, in ascending order, all below 1."""
        grace = self.options["grace"]
        if self.rule == "median":
            number = math.ceil((1 - grace) / self.options["every"] - 1e-9)
            return tuple(round(grace + k * self.options["every"], 9) for k in range(number))
        # The scheduler computes its rungs in the same way, so both numbers are exactly equal.
        reduction, fractions = self.options["reduction"], [grace]
        while (following := grace * reduction ** len(fractions)) < 1 - 1e-9:
            fractions.append(following)
        return tuple(fractions)

    def reports(self, iterations: int) -> dict[int, float]:
        """Return the iterations after which a trial reports, each with its fraction of the whole.

        Args:
            iterations: Number of iterations of the trial, >= 1.
        """
        due = {math.ceil(fraction * iterations - 1e-9): fraction for fraction in self.fractions}
        return {iteration: fraction for iteration, fraction in due.items() if 0 < iteration < iterations}

    def spec(self) -> dict[str, Any]:
        """Return the value of `stop_early` as a study file writes it."""
        return {self.rule: dict(self.options), "score_on": self.score_on}


def parse_early_stopping(located: Located | None) -> EarlyStopping | None:
    """Return the early stopping that a study file asks for, or None.

    A file writes `stop_early: asha`, or `stop_early: {asha: {grace: 0.1, reduction: 3}, score_on: test}`.

    Raises:
        ConfigError: There is not exactly one rule, an option is unknown, or a value is not allowed.
    """
    if located is None or located.value is None:
        return None
    if isinstance(located.value, str) and located.value in RULES:
        return EarlyStopping(located.value, RULES[located.value])
    if not isinstance(located.value, dict):
        raise located.error(f"must be one of {', '.join(RULES)}, or a mapping from one to its options")
    for key, item in located.items():
        if key not in (*RULES, "score_on"):
            raise unknown_key(item, key, (*RULES, "score_on"))
    named = [key for key in RULES if key in located.value]
    if len(named) != 1:
        raise located.error(f"must name exactly one of {', '.join(RULES)}")
    part = located.value.get("score_on")
    if part is not None and part.value not in SCORED_PARTS:
        raise part.error(f"must be one of {', '.join(SCORED_PARTS)}")
    options = _options(named[0], located.value[named[0]])
    stopping = EarlyStopping(named[0], options, "validation" if part is None else str(part.value))
    if options.get("brackets", 1) > len(stopping.fractions):
        raise located.error(
            f"must have at most as many brackets as reports ({len(stopping.fractions)} with this grace and "
            "reduction)"
        )
    return stopping


def _options(rule: str, located: Located) -> dict[str, float]:
    """Return all options of a rule: the given ones, checked, and the defaults of the others."""
    options = dict(RULES[rule])
    if located.value is None:
        return options
    for key, item in located.items():
        if key not in options:
            raise unknown_key(item, key, RULES[rule])
        if not _is_allowed(key, item.value):
            raise item.error(f"must be {_NEEDS[key]}")
        options[key] = item.value
    return options


def _is_allowed(key: str, value: Any) -> bool:
    """Return whether an option may have this value."""
    if key in ("trials", "brackets"):
        return type(value) is int and value >= 1
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return False
    return value > 1 if key == "reduction" else 0 < value < 1
