"""From the values of a design point to one explicit TrialConfig, checked against the registries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

from softloc_core.errors import ConfigError
from softloc_core.events import EventList, seconds_to_frames
from softloc_core.label_noise import COMMON_OPTIONS, NOISES, misaligned
from softloc_core.losses import LOSSES, MEASURES, Constant, make_loss, resolve_options, schedule_from_spec
from softloc_core.trial import OPTION_FIELDS, TrialConfig, trial_augmentation, trial_detector
from sweeps.study import FIELDS

__all__ = ["canonical_values", "names_of", "set_option", "validate_names"]


def set_option(values: dict[str, Any], key: str, value: Any) -> None:
    """Put the value of a dotted key, such as `alpha.ramp.high`, into its field.

    Args:
        values: Values by TrialConfig's field names; changed in place.
        key: The field and the path of the option in it.
        value: The option's value.
    """
    head, *path = key.split(".")
    name = FIELDS[head].config_name
    field_value = values[name]
    if FIELDS[head].kind == "schedule":
        spec = field_value if isinstance(field_value, Mapping) else field_value.spec()
        values[name] = _with_path(spec, path, value)
    else:
        values[name] = {**dict(field_value), path[0]: value}


def _with_path(spec: Mapping[str, Any], path: Sequence[str], value: Any) -> dict[str, Any]:
    """Return a schedule's spec with one parameter replaced; another schedule's name starts a new spec."""
    kept = dict(spec) if path[0] in spec else {}
    if len(path) == 1:
        return {path[0]: value}
    inner = kept.get(path[0])
    return {path[0]: {**(inner if isinstance(inner, Mapping) else {}), path[1]: value}}


def canonical_values(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return TrialConfig's arguments in canonical form.

    Options are complete, specs are values, and fields without effect have one fixed value. Options that only
    another loss or another kind of noise has are dropped, so that a study can give them to all trials.

    Raises:
        ConfigError: An option does not exist, a schedule is not valid, or a field has no value.
    """
    result = dict(values)
    missing = [item.name for item in fields(TrialConfig) if item.name not in result]
    if missing:
        raise ConfigError(
            f"a study must give {', '.join(missing)} under fixed, because the task has no default"
        )
    if isinstance(result["alpha"], Mapping):
        result["alpha"] = schedule_from_spec(result["alpha"])
    for name in ("loss_options", "noise_options"):
        result[name] = dict(result[name])
    entry = LOSSES.get(result["loss"])
    if entry is not None:
        everywhere = {key for other in LOSSES.values() for key in other.options}
        options = _own(result["loss_options"], entry.options, everywhere)
        result["loss_options"] = resolve_options(entry.name, options)
        if not entry.uses_softness:
            result["softness_s"] = 0.0
        if not entry.uses_alpha:
            result["alpha"] = Constant(0.0)
        if not entry.uses_measure:
            result["measure"] = next(iter(MEASURES))
    noise = NOISES.get(result["noise"])
    if noise is not None:
        everywhere = {key for other in NOISES.values() for key in other.options}
        known = {*noise.options, *COMMON_OPTIONS}
        result["noise_options"] = _own(result["noise_options"], known, everywhere)
    plays_unchanged = result["rate_variation"] == 0 and result["rate_centre"] == 1
    if plays_unchanged and 0 <= result["rate_share"] <= 1:
        result["rate_share"] = 1.0
    for name in OPTION_FIELDS:
        result[name] = tuple(sorted(dict(result[name]).items()))
    return result


def _own(
    given: Mapping[str, Any], known: Mapping[str, Any] | set[str], everywhere: set[str]
) -> dict[str, Any]:
    """Return the options without those that only others have. Unknown options stay, to be rejected."""
    return {key: value for key, value in given.items() if key in known or key not in everywhere}


def names_of(config: TrialConfig) -> tuple[Any, ...]:
    """Return the part of a configuration that `validate_names` checks."""
    return (
        config.loss,
        config.loss_options,
        config.measure,
        config.noise,
        config.noise_options,
        config.decoding,
        config.decoding_options,
        config.ensemble_options,
        config.excerpt_s,
        config.features,
        config.rate_variation,
        config.rate_centre,
        config.rate_share,
        config.stacking,
    )


def validate_names(config: TrialConfig, *, hop_s: float) -> None:
    """Raise if the registries do not know a trial's names or options, before anything runs.

    Args:
        config: The trial.
        hop_s: Seconds between frames of its data.

    Raises:
        ConfigError: A loss, measure, noise, decoding or option does not exist or is out of range, or an
            augmentation or ensemble does not fit the task.
    """
    make_loss(
        config.loss,
        softness_frames=seconds_to_frames(config.softness_s, hop_s=hop_s),
        alpha=config.alpha,
        measure=config.measure,
        n_steps=config.iterations,
        options=dict(config.loss_options),
    )
    trial_detector(config, hop_s=hop_s)
    trial_augmentation(config)
    misaligned(
        EventList([], [], 1.0),  # type: ignore[arg-type]
        noise=config.noise,
        scale_s=config.label_noise_s,
        seed=0,
        replicate=0,
        recording="",
        options=dict(config.noise_options),
    )
