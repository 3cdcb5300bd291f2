"""YAML read safely, every value knowing the line it stands on."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

from softloc_core.errors import ConfigError

__all__ = ["Located", "parse_value", "parse_yaml"]

# YAML 1.1 reads 1e-3 as text; people mean the number.
_FLOAT = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)[eE][+-]?\d+")
_MAX_CHARACTERS = 1_000_000


@dataclass(frozen=True)
class Located:
    """A value and where it was written.

    Attributes:
        value: Scalar, list of `Located`, or dict from key to `Located`.
        path: Keys that lead to it, as in `space.softness`.
        place: Where it stands, as in `studies/x.yaml, line 9`.
    """

    value: Any
    path: str
    place: str

    @property
    def plain(self) -> Any:
        """The value without its places."""
        if isinstance(self.value, dict):
            return {key: item.plain for key, item in self.value.items()}
        if isinstance(self.value, list):
            return [item.plain for item in self.value]
        return self.value

    def error(self, rule: str, *, got: object = None) -> ConfigError:
        """An error that names this value, the rule, what was given and the place."""
        given = self.plain if got is None else got
        return ConfigError(f"`{self.path}` {rule}, but got {given} in {self.place}")

    def items(self) -> Iterator[tuple[str, Located]]:
        """Keys and values of a mapping."""
        if not isinstance(self.value, dict):
            raise self.error("must be a mapping of keys to values")
        yield from self.value.items()

    def elements(self) -> list[Located]:
        """Elements of a list."""
        if not isinstance(self.value, list):
            raise self.error("must be a list")
        return self.value


def parse_yaml(text: str, *, name: str) -> Located:
    """A YAML mapping with places.

    Args:
        text: The document.
        name: How messages call it, usually its path.

    Raises:
        ConfigError: Text that is no YAML mapping, a repeated key, an alias, or an unsafe tag.
    """
    if len(text) > _MAX_CHARACTERS:
        raise ConfigError(
            f"a study file must be at most {_MAX_CHARACTERS} characters, but {name} has {len(text)}"
        )
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        if not isinstance(node, yaml.MappingNode):
            raise ConfigError(f"a study must be a mapping of keys to values, but {name} is none")
        return _located(node, path="", name=name, seen=set())
    except yaml.YAMLError as error:
        raise ConfigError(f"a study must be valid YAML, but {name}: {_reason(error)}") from error


def parse_value(text: str, *, path: str, place: str) -> Located:
    """One value from the command line, read as YAML.

    Raises:
        ConfigError: Text that is no YAML.
    """
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        value = (
            _located(node, path=path, name="", seen=set()) if node is not None else Located(None, path, place)
        )
    except yaml.YAMLError as error:
        raise ConfigError(f"`{path}` must be valid YAML, but in {place}: {_reason(error)}") from error
    return _at_place(value, place)


def _at_place(located: Located, place: str) -> Located:
    """The same value, all of it standing at one place."""
    value = located.value
    if isinstance(value, dict):
        value = {key: _at_place(item, place) for key, item in value.items()}
    elif isinstance(value, list):
        value = [_at_place(item, place) for item in value]
    return Located(value, located.path, place)


def _located(node: yaml.Node, *, path: str, name: str, seen: set[int]) -> Located:
    """A node and all below it; a node met twice is an alias, which a study never needs."""
    place = f"{name}, line {node.start_mark.line + 1}"
    if id(node) in seen:
        raise ConfigError(
            f"`{path}` must be written out (aliases are not allowed), but got an alias in {place}"
        )
    seen.add(id(node))
    if not node.tag.startswith("tag:yaml.org,2002:") or "python" in node.tag:
        raise ConfigError(f"values must be plain YAML (no tags), but got {node.tag} in {place}")
    if isinstance(node, yaml.MappingNode):
        return Located(_mapping(node, path=path, name=name, seen=seen), path, place)
    if isinstance(node, yaml.SequenceNode):
        items = [_located(item, path=path, name=name, seen=seen) for item in node.value]
        return Located(items, path, place)
    return Located(_scalar(node, place=place), path, place)


def _mapping(node: yaml.MappingNode, *, path: str, name: str, seen: set[int]) -> dict[str, Located]:
    """Keys, each once, with their values."""
    result: dict[str, Located] = {}
    for key_node, value_node in node.value:
        place = f"{name}, line {key_node.start_mark.line + 1}"
        if not isinstance(key_node, yaml.ScalarNode):
            raise ConfigError(f"keys must be plain text, but got a {key_node.id} in {place}")
        key = str(key_node.value)
        if key in result:
            raise ConfigError(f"`{key}` must be given once, but got it again in {place}")
        result[key] = _located(value_node, path=f"{path}.{key}".lstrip("."), name=name, seen=seen)
    return result


def _scalar(node: yaml.Node, *, place: str) -> Any:
    """A plain scalar, built by the safe loader alone."""
    loader = yaml.SafeLoader("")
    try:
        value = loader.construct_object(node, deep=True)
    except (yaml.YAMLError, ValueError) as error:
        raise ConfigError(f"values must be plain YAML, but got {node.value} in {place}") from error
    finally:
        loader.dispose()
    if isinstance(value, str) and _FLOAT.fullmatch(value):
        return float(value)
    if value is not None and not isinstance(value, bool | int | float | str):
        raise ConfigError(f"values must be text, numbers or true/false, but got {value} in {place}")
    return value


def _reason(error: yaml.YAMLError) -> str:
    """One line of a YAML error, with its line where there is one."""
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or str(error).splitlines()[0]
    return f"line {mark.line + 1}: {problem}" if mark else str(problem)
