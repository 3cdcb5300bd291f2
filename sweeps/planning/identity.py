"""The definition that a study's folder stores, and whether the folder holds the study that is to run."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

import yaml

from softloc_core.errors import ConfigError
from sweeps.designs import LEARNING
from sweeps.planning.data import task_defaults
from sweeps.storage import StudyFolder, read_definition
from sweeps.study import FIELDS, Field, Study, study_from_yaml

__all__ = ["as_begun", "resolved_study", "validate_same_study"]

# Keys that may change between two runs of the same study.
_FREE_KEYS = ("trials", "description", "resources", "retries", "time_limit", "stop_early", "checkpoint",
              "keep_weights", "keep_probabilities")  # fmt: skip


# What fields were before study files in folders said how label noise is drawn.
_BEFORE = {"decoding": "auto", "validation_labels": "clean"}


def resolved_study(study: Study) -> str:
    """Return the text of a study file with every default written out, as the study's folder stores it."""
    spec = study.spec()
    spec["fixed"] = {**_defaults(study), **spec["fixed"]}
    spec["noise_draw"] = "point" if study.draws_by_point else "common"
    return str(yaml.safe_dump(spec, sort_keys=False, allow_unicode=True))


def as_begun(study: Study, folder: StudyFolder) -> Study:
    """Return a study with the defaults of the day on which its folder was begun.

    A folder's study file has every default written out. A study that is continued takes them from there, so
    that a newer version with other defaults does not change it. Fields that are newer than the file get the
    value that leaves a trial as it was.
    """
    definition = read_definition(folder)
    if definition is None:
        return study
    begun = study_from_yaml(definition.content.decode(), name=definition.path)
    given = {key.partition(".")[0] for key in (*study.fixed, *study.space)}
    given |= {key.partition(".")[0] for point in study.points for key in point}
    there = dict(begun.fixed) if begun.noise_draw is not None else {**_BEFORE, **begun.fixed}
    fixed = {key: value for key, value in there.items() if key not in given}
    return replace(
        study,
        fixed={**fixed, **study.fixed},
        noise_draw=study.noise_draw or begun.noise_draw or "common",
    )


def _defaults(study: Study) -> dict[str, Any]:
    """Return the task's defaults for fields that the study does not give, as a study file writes them.

    The result is empty if the study has several tasks or varies the network, because defaults differ then.
    """
    several = len(study.sources) > 1
    if several or "network" in study.space or any("network" in point for point in study.points):
        return {}
    defaults = task_defaults(study, study.fixed)
    varied = {
        key.partition(".")[0] for key, parameter in study.space.items() if "." in key or not parameter.when
    }
    if study.points:
        listed = [{key.partition(".")[0] for key in point} for point in study.points]
        varied |= set.intersection(*listed)
    missing = [
        field for field in FIELDS.values() if field.config_name in defaults and field.key not in varied
    ]
    return {field.key: _written(field, defaults[field.config_name]) for field in missing}


def _written(field: Field, value: Any) -> Any:
    """Return a default as a study file writes it."""
    if field.kind == "duration":
        return "inf" if math.isinf(value) else f"{value!r}s"
    if field.kind == "schedule":
        return value.spec()
    return dict(value) if field.kind == "options" else value


def validate_same_study(study: Study, folder: StudyFolder) -> None:
    """Raise if a folder holds another study, whose trials would be mixed with this study's.

    Raises:
        ConfigError: The folder holds another study, or cannot be read.
    """
    try:
        definition = read_definition(folder)
    except OSError as error:
        reason = str(error).splitlines()[0]
        raise ConfigError(f"--out must be a folder that can be read, but {folder}: {reason}") from error
    if definition is None:
        return
    there, fixed_there = definition.spec, definition.fixed
    ours = study.spec()
    # A design that does not learn has the same points for all objectives.
    free = _FREE_KEYS if study.design in LEARNING else (*_FREE_KEYS, "objectives")
    for key in ("points", "objectives", "design_options"):
        if key in there and key not in ours and key not in free:
            raise _other_study(folder, key, there[key], None)
    for key, value in ours.items():
        if key in free or key == "fixed":
            continue
        if key == "points" and _begins_with(value, there.get(key)):
            continue
        if key == "noise_draw" and value == there.get(key, "common"):
            continue
        if there.get(key) != value:
            raise _other_study(folder, key, there.get(key), value)
    for key, value in ours["fixed"].items():
        if fixed_there.get(key) != value:
            raise _other_study(folder, f"fixed.{key}", fixed_there.get(key), value)


def _begins_with(points: list[Any], there: Any) -> bool:
    """Whether a list of points equals or extends the stored list."""
    return isinstance(there, list) and points[: len(there)] == there


def _other_study(folder: StudyFolder, key: str, there: Any, ours: Any) -> ConfigError:
    """Return an error that names the difference and what to do."""
    return ConfigError(
        f"{folder} must hold the same study, but `{key}` is {_short(there)} there and {_short(ours)} here: "
        "give --set name=NEW or another --out"
    )


def _short(value: Any) -> str:
    """Return a value as one short JSON text."""
    text = json.dumps(value, default=str)
    return text if len(text) <= 120 else f"{text[:117]}..."
