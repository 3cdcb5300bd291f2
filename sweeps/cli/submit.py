"""The command that submits a study to a cluster."""

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


Address = Annotated[
    str, typer.Option(help="Address of Ray's dashboard, such as http://127.0.0.1:8265 through an SSH tunnel.")
]
Out = Annotated[
    str,
    typer.Option(
        help="Folder for studies: an absolute path on the head node, or an address such as s3://..."
    ),
]
Options = Annotated[list[str] | None, typer.Argument(help="Further options of `softloc run`, after `--`.")]
DataRoot = Annotated[
    list[str] | None,
    typer.Option(
        metavar="[TASK=]DIR",
        help="Folder of the recorded data on the head node. Repeat as TASK=DIR for single tasks.",
    ),
]
TrackingUri = Annotated[
    str | None, typer.Option(help="Address of an MLflow server, as seen from the head node.")
]
Mlflow = Annotated[bool, typer.Option(help="Write the results to MLflow as well.")]


@dataclass(frozen=True)
class ChoiceHere(StudyChoice):
    """A study whose file is on this machine."""

    study: Annotated[
        str, typer.Argument(help="Name of a built-in study, or path of a study file on this machine.")
    ]


def add_submit_command(app: typer.Typer) -> None:
    """Add the command `submit` to `app`. Its further options are checked against those of `run`."""
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
    """Submit a study to a Ray cluster as a job. This machine may disconnect afterwards."""
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
    """Raise the error that `softloc run` would raise on the head node for wrong options."""
    group = context.find_root().command
    assert isinstance(group, TyperGroup)
    group.commands["run"].make_context("softloc run", ["STUDY", *options])
