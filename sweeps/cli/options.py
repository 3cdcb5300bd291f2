"""Options that several commands share, and how a command takes a group of them as one object."""

from __future__ import annotations

import dataclasses
import inspect
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer

if TYPE_CHECKING:
    from sweeps.study import Study

__all__ = [
    "DataRoot",
    "StudyChoice",
    "StudyDir",
    "cache_dir",
    "with_options",
]

StudyFile = Annotated[
    str, typer.Argument(help="A shipped study by name (see `softloc studies`) or a study file.")
]
StudyDir = Annotated[str, typer.Argument(help="A study's folder, as runs/quickstart.")]
DataRoot = Annotated[
    list[str] | None,
    typer.Option(metavar="[TASK=]DIR", help="Folder of the recorded data; given again, that of one task."),
]
Source = Annotated[
    str | None, typer.Option("--data", metavar="SOURCE", help="Data source; --set data=SOURCE.")
]
Trials = Annotated[int | None, typer.Option(help="Number of trials; --set trials=N.")]
Overrides = Annotated[
    list[str] | None, typer.Option("--set", metavar="K=V", help="Replace a key of the study.")
]


def cache_dir() -> Path:
    """Where features are kept."""
    return Path(os.environ.get("SOFTLOC_CACHE", "~/.cache/softloc")).expanduser()


@dataclass(frozen=True)
class StudyChoice:
    """A study, and what the command line says instead of some of its keys."""

    study: StudyFile
    data: Source = None
    trials: Trials = None
    overrides: Overrides = None

    def load(self) -> Study:
        """The study so changed.

        Raises:
            UserError: No such study, or one that is not valid.
        """
        from sweeps.study import load_study

        short = [f"data={self.data}"] if self.data is not None else []
        short += [f"trials={self.trials}"] if self.trials is not None else []
        return load_study(self.study, overrides=[*short, *(self.overrides or [])])


def with_options(command: Callable[..., None]) -> Callable[..., None]:
    """The command with each parameter that is a dataclass replaced by the dataclass's fields.

    Typer reads options from a function's parameters; so a group of them is written once, as a dataclass whose
    fields are annotated like parameters, and stands in the help where the command has it.
    """
    hints = get_type_hints(command, include_extras=True)
    groups: dict[str, Any] = {name: hint for name, hint in hints.items() if dataclasses.is_dataclass(hint)}
    parameters: list[inspect.Parameter] = []
    for name, parameter in inspect.signature(command).parameters.items():
        parameters += _fields(groups[name]) if name in groups else [parameter.replace(annotation=hints[name])]

    @wraps(command)
    def taking(**given: Any) -> None:
        for name, group in groups.items():
            given[name] = group(**{field.name: given.pop(field.name) for field in dataclasses.fields(group)})
        command(**given)

    # Options come by name, so that those without a default may stand anywhere.
    keywords = [each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in parameters]
    taking.__signature__ = inspect.Signature(keywords)  # type: ignore[attr-defined]
    taking.__annotations__ = {each.name: each.annotation for each in keywords}
    return taking


def _fields(group: Any) -> list[inspect.Parameter]:
    """A dataclass's fields as parameters."""
    hints: Mapping[str, Any] = get_type_hints(group, include_extras=True)
    given = inspect.signature(group).parameters
    return [given[field.name].replace(annotation=hints[field.name]) for field in dataclasses.fields(group)]
