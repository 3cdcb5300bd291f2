"""The command that hands a study to a cluster."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import typer
from typer.core import TyperGroup

from sweeps.cli.console import print_line
from sweeps.cli.options import StudyChoice, with_options

__all__ = ["add_submit_command"]

_EXAMPLES = (
    "Examples:\n\n"
    "- `softloc submit drums_210 --address http://127.0.0.1:8265 --out s3://bucket/studies`\n\n"
    "- `softloc submit study.yaml --address http://127.0.0.1:8265 --out /shared/studies -- --max-trials 100`"
)


Address = Annotated[str, typer.Option(help="Ray's dashboard, as http://127.0.0.1:8265 through a tunnel.")]
Out = Annotated[str, typer.Option(help="Folder for studies: an address (s3://...) or absolute on the head.")]
Options = Annotated[list[str] | None, typer.Argument(help="After `--`: further options of `softloc run`.")]
DataRoot = Annotated[
    list[str] | None,
    typer.Option(
        metavar="[TASK=]DIR", help="Folder of the recorded data on the head; of one task, where given again."
    ),
]
TrackingUri = Annotated[str | None, typer.Option(help="An MLflow server, as the head reaches it.")]
Mlflow = Annotated[bool, typer.Option(help="Whether MLflow is written.")]


@dataclass(frozen=True)
class ChoiceHere(StudyChoice):
    """A study whose file, if it is one, is on this machine."""

    study: Annotated[str, typer.Argument(help="A shipped study by name or a study file, here.")]


def add_submit_command(app: typer.Typer) -> None:
    """Give `app` the command `submit`; its further options are checked against those of `run`."""
    app.command(epilog=_EXAMPLES)(submit)


@with_options
def submit(
    context: typer.Context,
    choice: ChoiceHere,
    address: Address,
    out: Out,
    options: Options = None,
    data_root: DataRoot = None,
    tracking_uri: TrackingUri = None,
    mlflow: Mlflow = True,
) -> None:
    """Run a study on a cluster as a Ray job, and let this machine go."""
    from sweeps.execution import JobRequest, submit_study

    _validate_options(context, options or [])
    study = choice.load()
    request = JobRequest(
        address=address,
        out=out,
        data_root=tuple(data_root or ()),
        tracking_uri=tracking_uri,
        mlflow=mlflow,
        options=tuple(options or ()),
    )
    print_line(submit_study(study, request))


def _validate_options(context: typer.Context, options: Sequence[str]) -> None:
    """Refuse here what `softloc run` would refuse on the head, with its own words."""
    group = context.find_root().command
    assert isinstance(group, TyperGroup)
    group.commands["run"].make_context("softloc run", ["STUDY", *options])
