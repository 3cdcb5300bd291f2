"""Early stopping as a study file asks for it: which rule, from when on, by which recordings' score."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from softloc_core.errors import ConfigError
from softloc_core.tasks import DataRequest, TaskData
from softloc_core.trial import SCORED_PARTS
from sweeps.study.definition import Study
from sweeps.study.fields import unknown_key
from sweeps.study.located_yaml import Located

__all__ = ["RULES", "EarlyStopping", "parse_early_stopping", "require_scored_recordings", "validate_stopping"]

RULES: Mapping[str, Mapping[str, float]] = {
    "asha": {"grace": 0.1, "reduction": 3},
    "median": {"grace": 0.3, "every": 0.1, "trials": 5},
    "hyperband": {"grace": 0.1, "reduction": 3, "brackets": 3},
}
"""Options of each rule with their defaults; `grace` and `every` are fractions of a trial's iterations."""

_NEEDS = {
    "grace": "a number above 0 and below 1 (a fraction of the iterations)",
    "every": "a number above 0 and below 1 (a fraction of the iterations)",
    "reduction": "a number above 1",
    "trials": "a whole number, at least 1",
    "brackets": "a whole number, at least 1",
}
# Designs that a trial cut short would mislead, with the reason.
_REFUSED_DESIGNS = {"adaptive": "learns the surface, which trials cut short are no points of"}
# Metrics that a trial has before its end: its scores.
_NOT_SCORES = ("train_s",)


@dataclass(frozen=True)
class EarlyStopping:
    """When trials report their score, and which rule judges it.

    Attributes:
        rule: One of `RULES`.
        options: The rule's options, all of them.
        score_on: What a report scores: one of `SCORED_PARTS`.
    """

    rule: str
    options: Mapping[str, float]
    score_on: str = "validation"

    @property
    def fractions(self) -> tuple[float, ...]:
        """Fractions of a trial's iterations at which it reports, ascending, all below 1."""
        grace = self.options["grace"]
        if self.rule == "median":
            number = math.ceil((1 - grace) / self.options["every"] - 1e-9)
            return tuple(round(grace + k * self.options["every"], 9) for k in range(number))
        # As the scheduler computes its rungs, so that both are the same number.
        reduction, fractions = self.options["reduction"], [grace]
        while (following := grace * reduction ** len(fractions)) < 1 - 1e-9:
            fractions.append(following)
        return tuple(fractions)

    def reports(self, iterations: int) -> dict[int, float]:
        """Iterations after which a trial of so many reports, with the fraction that each stands for."""
        due = {math.ceil(fraction * iterations - 1e-9): fraction for fraction in self.fractions}
        return {iteration: fraction for iteration, fraction in due.items() if 0 < iteration < iterations}

    def spec(self) -> dict[str, Any]:
        """The key's value as a study file writes it."""
        return {self.rule: dict(self.options), "score_on": self.score_on}


def parse_early_stopping(located: Located | None) -> EarlyStopping | None:
    """`stop_early: asha`, or `stop_early: {asha: {grace: 0.1, reduction: 3}, score_on: test}`; null is none.

    Raises:
        ConfigError: No rule or several, an unknown option, or a value that is not allowed.
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
    """A rule's options, the given ones checked and the others at their defaults."""
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
    """Whether an option may have that value."""
    if key in ("trials", "brackets"):
        return type(value) is int and value >= 1
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return False
    return value > 1 if key == "reduction" else 0 < value < 1


def validate_stopping(study: Study, root: Located) -> None:
    """Refuse early stopping beside what it does not go with.

    Raises:
        ConfigError: Several objectives or tasks, an objective that a trial has only at its end, or a design
            that learns what trials cut short do not show.
    """
    if study.stop_early is None:
        return
    located = root.value["stop_early"]
    if len(study.objectives) > 1:
        names = ", ".join(one.metric for one in study.objectives)
        raise located.error("must be left out of a study with several objectives", got=f"it beside {names}")
    if len(study.sources) > 1:
        tasks = ", ".join(study.sources)
        raise located.error("must be left out of a study of several tasks, whose scores say nothing of each "
                            "other", got=f"it beside {tasks}")  # fmt: skip
    metric = study.objectives[0].metric
    if metric in _NOT_SCORES:
        raise located.error("needs an objective that a trial has before its end: a score", got=metric)
    if study.design in _REFUSED_DESIGNS:
        why = _REFUSED_DESIGNS[study.design]
        raise located.error(f"must be left out of `design: {study.design}`, which {why}")


def require_scored_recordings(study: Study, data: Mapping[DataRequest, TaskData]) -> None:
    """Refuse early stopping by recordings that the data do not have.

    Raises:
        ConfigError: No validation recordings; what else may be scored on is named.
    """
    if study.stop_early is None or study.stop_early.score_on != "validation":
        return
    if all(loaded.validation for loaded in data.values()):
        return
    place = study.places.get("stop_early", study.name)
    raise ConfigError(
        f"`stop_early` needs validation recordings to judge trials by, but {study.task} on {study.data} has "
        f"none in {place}: choose another split, or say `score_on: training` (their wrong labels) or "
        "`score_on: test` (trials are then stopped by the scores that the study reports)"
    )
