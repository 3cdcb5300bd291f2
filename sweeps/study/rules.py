"""Rules that several keys of a study file must obey together."""

from __future__ import annotations

from softloc_core.errors import ConfigError
from softloc_core.label_noise import NOISES
from softloc_core.losses import LOSSES
from softloc_core.tasks import TASKS
from sweeps.designs import DESIGN_TYPES, LEARNING, MULTI_OBJECTIVE, ONE_OBJECTIVE
from sweeps.study.definition import Study
from sweeps.study.keys import one_of
from sweeps.study.located_yaml import Located

__all__ = ["validate_together"]

# Designs that do not support early stopping, with the reason.
_NO_EARLY_STOPPING = {"adaptive": "learns the surface of completed trials only"}
# Metrics that a trial has only at its end.
_NOT_SCORES = ("train_s",)


def validate_together(study: Study, root: Located) -> None:
    """Raise if keys contradict each other.

    Args:
        study: The study, with each key checked on its own.
        root: Its file.

    Raises:
        ConfigError: The message says what must hold, which value was given, and on which line.
    """
    _validate_disjoint(study)
    _validate_points(study, root)
    _validate_tasks(study, root)
    for part in study.parts():
        _validate_task(part, root)
    _validate_budget(study, root)
    _validate_stopping(study, root)


def _validate_disjoint(study: Study) -> None:
    """Raise if a field is both varied at every point and fixed."""
    for key in study.fixed:
        place = study.places.get(f"space.{key}")
        if key in study.space and not study.space[key].when:
            raise ConfigError(f"`{key}` must be given in space or in fixed, but got it in both in {place}")
        if study.points and all(key in point for point in study.points):
            place = study.places["points"]
            raise ConfigError(f"`{key}` must be given in points or in fixed, but got it in both in {place}")


def _validate_points(study: Study, root: Located) -> None:
    """Raise if `points` and the explicit design are not used together, or `space` contradicts the points."""
    if study.design != "explicit":
        if "points" in root.value:
            raise root.value["points"].error("needs `design: explicit`", got=f"design {study.design}")
        return
    if not study.points:
        raise ConfigError(f"`design: explicit` must list `points`, but {root.place} does not")
    for key, parameter in study.space.items():
        located = root.value["space"].value[key]
        if parameter.kind != "each":
            raise located.error("must be of kind `each`, because an explicit design lists what varies")
        if any(key in point for point in study.points):
            raise located.error("must be given in points or in space", got="it in both")


def _validate_tasks(study: Study, root: Located) -> None:
    """Raise if a study of several tasks has a design that learns, because tasks do not share results."""
    if len(study.sources) > 1 and study.design in LEARNING:
        fixed = ", ".join(name for name in DESIGN_TYPES if name not in LEARNING)
        raise root.value["task"].error(
            f"must be a single task for `design: {study.design}`, which learns from results (designs for "
            f"several tasks: {fixed})"
        )


def _validate_task(study: Study, root: Located) -> None:
    """Raise if a name is unknown to the task of a study, or to the registries of losses and noises."""
    task = TASKS.get(study.task)
    data = root.value["data"]
    one_of(data.value[study.task] if isinstance(data.value, dict) else data, list(task.sources))
    allowed = {"network": tuple(task.networks), "split": tuple(task.sources[study.data].splits)}
    allowed |= {"loss": tuple(LOSSES), "noise": tuple(NOISES)}
    for key, names in allowed.items():
        for value, where in study.values(key):
            if value not in names:
                raise ConfigError(f"`{where}` must be one of {', '.join(names)}, but got {value} in "
                                  f"{study.places[where]}")  # fmt: skip


def _validate_budget(study: Study, root: Located) -> None:
    """Raise if the number of trials, or of objectives, does not suit the design."""
    if study.design in ONE_OBJECTIVE and len(study.objectives) > 1:
        raise root.value["objectives"].error(
            f"must be a single objective for `design: {study.design}` (designs for several: "
            f"{', '.join(MULTI_OBJECTIVE)})"
        )
    if study.design == "grid":
        for key, parameter in study.space.items():
            if not parameter.levels():
                raise root.value["space"].value[key].error("must list values or give `steps` in a grid")
        return
    if study.trials is None and study.design != "explicit":
        raise ConfigError(
            f"a study must give `trials` unless its design is grid or explicit, but {root.place} does not"
        )


def _validate_stopping(study: Study, root: Located) -> None:
    """Raise if the study's objectives, tasks or design do not support early stopping."""
    if study.stop_early is None:
        return
    located = root.value["stop_early"]
    if len(study.objectives) > 1:
        names = ", ".join(one.metric for one in study.objectives)
        raise located.error("must be left out of a study with several objectives", got=f"it with {names}")
    if len(study.sources) > 1:
        tasks = ", ".join(study.sources)
        raise located.error(
            "must be left out of a study of several tasks, because their scores are not comparable",
            got=f"it with {tasks}",
        )
    metric = study.objectives[0].metric
    if metric in _NOT_SCORES:
        raise located.error(
            "needs an objective that is known before the end of a trial (a score)", got=metric
        )
    if study.design in _NO_EARLY_STOPPING:
        why = _NO_EARLY_STOPPING[study.design]
        raise located.error(f"must be left out with `design: {study.design}`, which {why}")
