"""Overrides of study-file keys on the command line, with `--set key=value`."""

from __future__ import annotations

from collections.abc import Sequence

from softloc_core.errors import ConfigError
from sweeps.designs import KINDS
from sweeps.study.fields import FIELDS, nearest
from sweeps.study.located_yaml import Located, parse_value

__all__ = ["with_overrides"]


def with_overrides(root: Located, overrides: Sequence[str], *, top_level: Sequence[str]) -> Located:
    """Return the content of a study file with some keys replaced.

    An override may name a top-level key (`data`, `trials`, `resources.cpus`), or a field of the trials with
    or without its section (`loss`, `fixed.loss`, `space.softness`). Without a section, a field belongs to
    `space` if the value is a range or a list of choices, and to `fixed` otherwise. A field that an override
    fixes is no longer varied, and the other way round.

    Args:
        root: Content of the study file.
        overrides: `key=value` texts.
        top_level: Keys allowed at the top level.

    Raises:
        ConfigError: An override has no `=`, an unknown key, or a value that is not valid YAML.
    """
    content = dict(root.value)
    for override in overrides:
        key, separator, text = override.partition("=")
        place = f"--set {override}"
        if not separator or not key:
            raise ConfigError(f"--set must be key=value, but got {override}")
        value = parse_value(text, path=key, place=place)
        path = _full_path(key, value, top_level=top_level)
        _assign(content, path, Located(value.value, ".".join(path), place))
    return Located(content, root.path, root.place)


def _full_path(key: str, value: Located, *, top_level: Sequence[str]) -> tuple[str, ...]:
    """Return the section and the key to which an override applies."""
    head, _, rest = key.partition(".")
    if head in ("space", "fixed") and rest:
        return (head, rest)
    if head in top_level:
        return tuple(key.split("."))
    if head in FIELDS:
        varied = isinstance(value.value, dict) and any(kind in KINDS for kind in value.value)
        return ("space" if varied else "fixed", key)
    names = [*top_level, *FIELDS]
    raise ConfigError(
        f"--set must name a known key{nearest(head, names)} (one of {', '.join(names)}), but got {key}"
    )


def _assign(content: dict[str, Located], path: tuple[str, ...], value: Located) -> None:
    """Set the value at a path, and remove the field from the other section."""
    if path[0] in ("space", "fixed") and len(path) == 2:
        other = "fixed" if path[0] == "space" else "space"
        _drop(content, other, path[1])
        if path[0] == "fixed" and "." in path[1]:
            path = ("fixed", *path[1].split("."))
    section = path[0]
    if len(path) == 1:
        content[section] = value
        return
    content[section] = _with(content.get(section), path[1:], value, name=section)


def _with(located: Located | None, path: tuple[str, ...], value: Located, *, name: str) -> Located:
    """Return a mapping with the value set at a path inside it."""
    content = dict(located.value) if located is not None and isinstance(located.value, dict) else {}
    if len(path) == 1:
        content[path[0]] = value
    else:
        content[path[0]] = _with(content.get(path[0]), path[1:], value, name=f"{name}.{path[0]}")
    return Located(content, name, value.place)


def _drop(content: dict[str, Located], section: str, key: str) -> None:
    """Remove a key from a section if it is there."""
    located = content.get(section)
    if located is not None and isinstance(located.value, dict) and key in located.value:
        kept = {name: item for name, item in located.value.items() if name != key}
        content[section] = Located(kept, located.path, located.place)
