"""Which varied parameters hang on which: what a study file says (`when`), and what the registries know.

A softness is no parameter of cross entropy, and `loss_options.beta` one of the bootstrap losses only. A
design is told so: it then neither draws what changes nothing nor learns from it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from softloc_core.label_noise import COMMON_OPTIONS, NOISES
from softloc_core.losses import LOSSES
from sweeps.designs import Condition, Parameter, in_order
from sweeps.study.located_yaml import Located

__all__ = ["known_conditions", "parse_conditions"]

# The value of a field that is not varied, or None where it is not known.
Lookup = Callable[[str], Any]


def parse_conditions(
    located: Mapping[str, Located], space: Mapping[str, Parameter], *, parse: Callable[[str, Located], Any]
) -> dict[str, Parameter]:
    """A space with the conditions that its study file gives under `when`.

    Args:
        located: The parameters as written, by key.
        space: The parameters without their conditions.
        parse: From a key and a value as written to the value that the study keeps.

    Raises:
        ConfigError: A condition on what is not varied over listed values, on a value that is not among them,
            or conditions in a circle.
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


def _condition(
    key: str, located: Located, space: Mapping[str, Parameter], parse: Callable[[str, Located], Any]
) -> Condition:
    """One key of `when` with the values that are meant."""
    listed = [name for name, parameter in space.items() if not parameter.is_range]
    if key not in listed:
        names = ", ".join(listed) or "none here"
        raise located.error(f"must name what space varies over listed values ({names})", got=key)
    elements = located.elements() if isinstance(located.value, list) else [located]
    values = tuple(parse(key, element) for element in elements)
    for value, element in zip(values, elements, strict=True):
        if value not in space[key].values:
            allowed = ", ".join(str(one) for one in space[key].values)
            raise element.error(f"must be among the values of {key} ({allowed})")
    return key, values


def known_conditions(
    space: Mapping[str, Parameter], *, fixed: Lookup, crossed: Mapping[str, Parameter]
) -> dict[str, Parameter]:
    """The parameters of design points, with what the registries know of them added to their conditions.

    Conditions on `each` parameters leave: at one design point all of their values are run.

    Args:
        space: Parameters of the design points.
        fixed: Values of what is not varied.
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
                # Never a parameter. (A fixed alpha is replaced by the schedule whose part is varied.)
                conditions.append((controlling, ()))
        result[key] = Parameter(parameter.kind, parameter.values, parameter.steps, tuple(conditions))
    return result


def _uses(key: str) -> list[tuple[str, Callable[[Any], bool]]]:
    """The fields that a parameter hangs on, each with whether a value of it makes use of the parameter."""
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
