"""Groups of options: a dataclass among a command's parameters becomes its fields."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from sweeps.cli.options import StudyChoice, with_options

Level = Annotated[float, typer.Option(help="How sure.")]
Needed = Annotated[str, typer.Option(help="Must be given.")]


@dataclass(frozen=True)
class Asked:
    study: Annotated[str, typer.Argument(help="Which.")]
    level: Level = 0.5
    only: Annotated[list[str] | None, typer.Option("--loss", help="Keep.")] = None


def command_of_one_group() -> tuple[typer.Typer, list[object]]:
    app, seen = typer.Typer(), []

    @app.command()
    @with_options
    def look(
        asked: Asked, needed: Annotated[str, typer.Option(help="Must be given.")], last: int = 3
    ) -> None:
        """Record the arguments."""
        seen.append((asked, needed, last))

    return app, seen


def test_options_of_a_group_arrive_as_one_object() -> None:
    app, seen = command_of_one_group()
    arguments = ["here", "--needed", "x", "--loss", "a", "--loss", "b", "--level", "0.9", "--last", "4"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    assert seen == [(Asked("here", 0.9, ["a", "b"]), "x", 4)]


def test_options_of_a_group_have_defaults_and_keep_their_order_in_the_help() -> None:
    app, seen = command_of_one_group()
    assert CliRunner().invoke(app, ["here", "--needed", "x"]).exit_code == 0
    assert seen == [(Asked("here"), "x", 3)]
    text = CliRunner().invoke(app, ["--help"], env={"COLUMNS": "200"}).output
    places = [
        text.index(word) for word in ("Record the arguments.", "--level", "--loss", "--needed", "--last")
    ]
    assert places == sorted(places)


def test_a_wrong_value_in_a_group_is_rejected_as_usual() -> None:
    app, seen = command_of_one_group()
    result = CliRunner().invoke(app, ["here", "--needed", "x", "--level", "sure"])
    assert result.exit_code == 2 and "--level" in result.output and not seen
    assert CliRunner().invoke(app, ["here"]).exit_code == 2


def test_options_override_keys_of_the_study() -> None:
    study = StudyChoice("quickstart", trials=7, overrides=["seed=5"]).load()
    assert (study.name, study.trials, study.seed) == ("quickstart", 7, 5)
    with pytest.raises(ValueError, match="nowhere"):
        StudyChoice("quickstart", data="nowhere").load()
