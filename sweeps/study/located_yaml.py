"""Safe reading of YAML, with the line of each value for error messages."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

from softloc_core.errors import ConfigError

__all__ = ["Located", "parse_value", "parse_yaml"]

# YAML 1.1 reads 1e-3 as text, but people mean the number.
_FLOAT = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)[eE][+-]?\d+")
_MAX_CHARACTERS = 1_000_000


@dataclass(frozen=True)
class Located:
    """A value and the place where it was written.

    Attributes:
        value: Scalar, list of `Located`, or dict from key to `Located`.
        path: Keys that lead to the value, such as `space.softness`.
        place: File and line, such as `studies/x.yaml, line 9`.
    """

    value: Any
    path: str
    place: str

    @property
    def plain(self) -> Any:
        """The value without the places."""
        if isinstance(self.value, dict):
            return {key: item.plain for key, item in self.value.items()}
        if isinstance(self.value, list):
            return [item.plain for item in self.value]
        return self.value

    def error(self, rule: str, *, got: object = None) -> ConfigError:
        """Return an error with the path, the rule, the given value and the place.

        Args:
            rule: What must hold, starting with a verb such as "must".
            got: What was given, if not the value itself.
        """
        given = self.plain if got is None else got
        return ConfigError(f"`{self.path}` {rule}, but got {given} in {self.place}")

    def items(self) -> Iterator[tuple[str, Located]]:
        """Yield the keys and values of a mapping, or raise if the value is not a mapping."""
        if not isinstance(self.value, dict):
            raise self.error("must be a mapping of keys to values")
        yield from self.value.items()

    def elements(self) -> list[Located]:
        """Return the elements of a list, or raise if the value is not a list."""
        if not isinstance(self.value, list):
            raise self.error("must be a list")
        return self.value


def parse_yaml(text: str, *, name: str) -> Located:
    """Return the mapping in a YAML document, with places.

    Args:
        text: The document.
        name: Name of the document in messages, usually its path.

    Raises:
        ConfigError: The document is too long or no YAML mapping, repeats a key, or uses an alias or a tag.
    """
    if len(text) > _MAX_CHARACTERS:
        raise ConfigError(
            f"a study file must be at most {_MAX_CHARACTERS} characters, but {name} has {len(text)}"
        )
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        if not isinstance(node, yaml.MappingNode):
            raise ConfigError(f"a study must be a mapping of keys to values, but {name} is not")
        return _located(node, path="", name=name, seen=set())
    except yaml.YAMLError as error:
        raise ConfigError(f"a study must be valid YAML, but {name}: {_reason(error)}") from error


def parse_value(text: str, *, path: str, place: str) -> Located:
    """Return one value, given as YAML on the command line or in a table.

    Args:
        text: The value as written.
        path: Keys that lead to the value, for messages.
        place: Where the value was written, for messages.

    Raises:
        ConfigError: The text is not valid YAML.
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
    """Return the same value with one place for all of its parts."""
    value = located.value
    if isinstance(value, dict):
        value = {key: _at_place(item, place) for key, item in value.items()}
    elif isinstance(value, list):
        value = [_at_place(item, place) for item in value]
    return Located(value, located.path, place)


def _located(node: yaml.Node, *, path: str, name: str, seen: set[int]) -> Located:
    """Return a node and everything below it. A node that occurs twice is an alias, which is an error."""
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
    """Return the keys and values of a mapping node, or raise if a key is repeated."""
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
    """Return a plain scalar, constructed by the safe loader only."""
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
    """Return a one-line description of a YAML error, with its line number if known."""
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or str(error).splitlines()[0]
    return f"line {mark.line + 1}: {problem}" if mark else str(problem)
