"""What the keys of a study file must be together: no field twice, names the task knows, enough trials."""

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


def validate_together(study: Study, root: Located) -> None:
    """Refuse keys that do not go together.

    Raises:
        ConfigError: What must hold, what came, and its line.
    """
    _validate_disjoint(study)
    _validate_points(study, root)
    _validate_tasks(study, root)
    for part in study.parts():
        _validate_task(part, root)
    _validate_budget(study, root)


def _validate_disjoint(study: Study) -> None:
    """Refuse a field that is both varied at every point and fixed."""
    for key in study.fixed:
        place = study.places.get(f"space.{key}")
        if key in study.space and not study.space[key].when:
            raise ConfigError(f"`{key}` must stand in space or in fixed, but got it in both in {place}")
        if study.points and all(key in point for point in study.points):
            place = study.places["points"]
            raise ConfigError(f"`{key}` must stand in points or in fixed, but got it in both in {place}")


def _validate_points(study: Study, root: Located) -> None:
    """Refuse points without their design, and what an explicit design cannot vary."""
    if study.design != "explicit":
        if "points" in root.value:
            raise root.value["points"].error(
                "must stand with `design: explicit`", got=f"design {study.design}"
            )
        return
    if not study.points:
        raise ConfigError(f"`design: explicit` must list `points`, but {root.place} does not")
    for key, parameter in study.space.items():
        located = root.value["space"].value[key]
        if parameter.kind != "each":
            raise located.error("must be run at `each` point, for an explicit design lists what varies")
        if any(key in point for point in study.points):
            raise located.error("must stand in points or in space", got="it in both")


def _validate_tasks(study: Study, root: Located) -> None:
    """Refuse several tasks where later points follow from earlier results, which tasks do not share."""
    if len(study.sources) > 1 and study.design in LEARNING:
        fixed = ", ".join(name for name in DESIGN_TYPES if name not in LEARNING)
        raise root.value["task"].error(
            f"must be one for `design: {study.design}`, which learns from results (several: {fixed})"
        )


def _validate_task(study: Study, root: Located) -> None:
    """Refuse names that the task of a study of one task does not know."""
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
    """Refuse a number of trials, or of objectives, that does not fit the design."""
    if study.design in ONE_OBJECTIVE and len(study.objectives) > 1:
        raise root.value["objectives"].error(
            f"must be one for `design: {study.design}` (several: {', '.join(MULTI_OBJECTIVE)})"
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
