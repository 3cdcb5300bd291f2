"""Conditions of varied parameters: those that a study file states (`when`) and those the registries imply.

For example, cross entropy has no softness, and only the bootstrap losses have `loss_options.beta`. A design
that knows these conditions neither samples parameters without effect nor learns from them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from softloc_core.label_noise import COMMON_OPTIONS, NOISES
from softloc_core.losses import LOSSES
from sweeps.designs import Condition, Parameter, Space, in_order
from sweeps.study.located_yaml import Located

__all__ = ["known_conditions", "parse_conditions"]


def parse_conditions(
    located: Mapping[str, Located], space: Space, *, parse: Callable[[str, Located], Any]
) -> dict[str, Parameter]:
    """Return a space with the conditions that its study file states under `when`.

    Args:
        located: The parameters as written, by key.
        space: The parameters without their conditions.
        parse: Checks a value of a key and returns it as the study holds it.

    Raises:
        ConfigError: A condition refers to a key that is not varied over listed values, or to a value that is
            not among them, or the conditions lead in a circle.
    """
    result = dict(space)
    for key, item in located.items():
        if "when" in item.value:
            others = {name: parameter for name, parameter in space.items() if name != key}
            when = tuple(_condition(name, one, others, parse) for name, one in item.value["when"].items())
            parameter = space[key]
            result[key] = Parameter(parameter.kind, parameter.values, parameter.steps, when)
    in_order(result)
    return result


def _condition(key: str, located: Located, space: Space, parse: Callable[[str, Located], Any]) -> Condition:
    """Return the condition that one key of `when` states."""
    listed = [name for name, parameter in space.items() if not parameter.is_range]
    if key not in listed:
        names = ", ".join(listed) or "none here"
        raise located.error(f"must name a key that space varies over listed values ({names})", got=key)
    elements = located.elements() if isinstance(located.value, list) else [located]
    values = tuple(parse(key, element) for element in elements)
    for value, element in zip(values, elements, strict=True):
        if value not in space[key].values:
            allowed = ", ".join(str(one) for one in space[key].values)
            raise element.error(f"must be among the values of {key} ({allowed})")
    return key, values


def known_conditions(space: Space, *, fixed: Callable[[str], Any], crossed: Space) -> dict[str, Parameter]:
    """Return the parameters of design points, with the conditions that the registries imply added.

    Conditions on `each` parameters are removed, because every design point runs all of their values.

    Args:
        space: Parameters of the design points.
        fixed: Returns the value of a field that is not varied, or None if it is not known.
        crossed: The `each` parameters.
    """
    result = {}
    for key, parameter in space.items():
        conditions = [condition for condition in parameter.when if condition[0] not in crossed]
        for controlling, is_used in _uses(key):
            if controlling in crossed:
                continue
            if controlling in space:
                allowed = tuple(value for value in space[controlling].values if is_used(value))
                if len(allowed) < len(space[controlling].values):
                    conditions.append((controlling, allowed))
            elif controlling != "alpha" and (value := fixed(controlling)) is not None and not is_used(value):
                # Such a parameter is never active. (A varied part of a schedule replaces a fixed alpha.)
                conditions.append((controlling, ()))
        result[key] = Parameter(parameter.kind, parameter.values, parameter.steps, tuple(conditions))
    return result


def _uses(key: str) -> list[tuple[str, Callable[[Any], bool]]]:
    """Return the fields that a parameter depends on, each with a test of which values use the parameter."""
    head, _, rest = key.partition(".")
    if head == "softness":
        return [("loss", lambda loss: LOSSES[loss].uses_softness)]
    if head == "measure":
        return [("loss", lambda loss: LOSSES[loss].uses_measure)]
    if head == "alpha":
        schedule = rest.partition(".")[0]
        uses: list[tuple[str, Callable[[Any], bool]]] = [("loss", lambda loss: LOSSES[loss].uses_alpha)]
        return [*uses, ("alpha", lambda spec: schedule in spec)] if rest else uses
    if head == "loss_options" and any(rest in entry.options for entry in LOSSES.values()):
        return [("loss", lambda loss: rest in LOSSES[loss].options)]
    if head == "noise_options" and any(rest in kind.options for kind in NOISES.values()):
        return [("noise", lambda noise: rest in NOISES[noise].options or rest in COMMON_OPTIONS)]
    return []
