"""Options that several commands share, and a way to pass a group of options as one object."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import wraps
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer

if TYPE_CHECKING:
    from sweeps.study import Study

__all__ = [
    "DataRoot",
    "StudyChoice",
    "StudyDir",
    "with_options",
]

StudyFile = Annotated[
    str,
    typer.Argument(help="Name of a built-in study (see `softloc studies`) or path of a study file."),
]
StudyDir = Annotated[str, typer.Argument(help="Folder of a study, such as runs/quickstart.")]
DataRoot = Annotated[
    list[str] | None,
    typer.Option(
        metavar="[TASK=]DIR",
        help="Folder of the recorded data. Repeat as TASK=DIR for single tasks.",
    ),
]
Source = Annotated[
    str | None,
    typer.Option("--data", metavar="SOURCE", help="Data source to use. Short for `--set data=SOURCE`."),
]
Trials = Annotated[
    int | None, typer.Option(metavar="N", help="Number of trials. Short for `--set trials=N`.")
]
Overrides = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Override a key of the study file. Repeatable."),
]


@dataclass(frozen=True)
class StudyChoice:
    """A study, and the keys that the command line overrides."""

    study: StudyFile
    data: Source = None
    trials: Trials = None
    overrides: Overrides = None

    def load(self) -> Study:
        """Return the study with its overrides.

        Raises:
            UserError: The study does not exist or is not valid.
        """
        from sweeps.study import load_study

        short = [f"data={self.data}"] if self.data is not None else []
        short += [f"trials={self.trials}"] if self.trials is not None else []
        return load_study(self.study, overrides=[*short, *(self.overrides or [])])


def with_options(command: Callable[..., None]) -> Callable[..., None]:
    """Return the command with each dataclass parameter replaced by the dataclass's fields.

    Typer reads options from a function's parameters. A group of options can thus be written once, as a
    dataclass whose fields are annotated like parameters. In the help it appears where the command has it.
    """
    hints = get_type_hints(command, include_extras=True)
    groups: dict[str, Any] = {name: hint for name, hint in hints.items() if dataclasses.is_dataclass(hint)}
    parameters: list[inspect.Parameter] = []
    for name, parameter in inspect.signature(command).parameters.items():
        parameters += _fields(groups[name]) if name in groups else [parameter.replace(annotation=hints[name])]

    @wraps(command)
    def with_groups(**given: Any) -> None:
        for name, group in groups.items():
            given[name] = group(**{field.name: given.pop(field.name) for field in dataclasses.fields(group)})
        command(**given)

    # Keyword-only, so that options without a default may come after others.
    keywords = [each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in parameters]
    with_groups.__signature__ = inspect.Signature(keywords)  # type: ignore[attr-defined]
    with_groups.__annotations__ = {each.name: each.annotation for each in keywords}
    return with_groups


def _fields(group: Any) -> list[inspect.Parameter]:
    """Return a dataclass's fields as parameters."""
    hints: Mapping[str, Any] = get_type_hints(group, include_extras=True)
    given = inspect.signature(group).parameters
    return [given[field.name].replace(annotation=hints[field.name]) for field in dataclasses.fields(group)]
