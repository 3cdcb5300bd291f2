"""The commands around a study's design: what it will take, and which settings nothing beats."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from sweeps.console import print_line

__all__ = ["add_planning_commands"]

StudyFile = Annotated[
    str, typer.Argument(help="A shipped study by name (see `softloc studies`) or a study file.")
]


def add_planning_commands(app: typer.Typer) -> None:
    """Give `app` the commands of this file."""
    app.command(
        epilog="Examples:\n\n"
        "- `softloc plan drums_210 --cpus 32 --price-per-hour 1.5`\n\n"
        "- `softloc plan study.yaml --data-root path/to/recordings --set replicates=3`"
    )(plan)
    app.command(epilog="Example: `softloc pareto runs/drums_210 --objective f1 --objective train_s`")(pareto)


def plan(
    study: StudyFile,
    out: Annotated[str, typer.Option(help="Folder for studies; any address pyarrow opens.")] = "runs",
    data: Annotated[
        str | None, typer.Option("--data", metavar="SOURCE", help="Data source; --set data=SOURCE.")
    ] = None,
    data_root: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[TASK=]DIR", help="Folder of the recorded data; given again, that of one task."
        ),
    ] = None,
    trials: Annotated[int | None, typer.Option(help="Number of trials; --set trials=N.")] = None,
    overrides: Annotated[
        list[str] | None, typer.Option("--set", metavar="K=V", help="Replace a key of the study.")
    ] = None,
    cpus: Annotated[
        float | None, typer.Option(help="Cores that it will have; this machine's if left out.")
    ] = None,
    gpus: Annotated[
        float | None, typer.Option(help="GPUs that it will have; this machine's if left out.")
    ] = None,
    price_per_hour: Annotated[
        float | None, typer.Option(help="What these cost an hour, in any currency.")
    ] = None,
    trial_seconds: Annotated[
        float | None, typer.Option(help="What a trial takes, where it is known; no pilot is run then.")
    ] = None,
    pilot_seconds: Annotated[
        float, typer.Option(help="How long a pilot's longest run lasts at least.")
    ] = 3.0,
) -> None:
    """What a study will take, before anything of it runs: trials, hours, cost, a picture of its points.

    Pilot trials are timed on this machine and extrapolated to whole ones.
    """
    from sweeps.data_roots import parse_data_roots
    from sweeps.plan_report import PlanOptions, plan_study
    from sweeps.study import load_study

    options = PlanOptions(
        out=out,
        data_root=parse_data_roots(data_root),
        cache_dir=Path(os.environ.get("SOFTLOC_CACHE", "~/.cache/softloc")).expanduser(),
        cpus=cpus,
        gpus=gpus,
        price_per_hour=price_per_hour,
        trial_s=trial_seconds,
        pilot_s=pilot_seconds,
    )
    short = [f"data={data}"] if data is not None else []
    short += [f"trials={trials}"] if trials is not None else []
    print_line(plan_study(load_study(study, overrides=[*short, *(overrides or [])]), options).text)


def pareto(
    study: Annotated[str, typer.Argument(help="A study's folder, as runs/quickstart.")],
    objective: Annotated[
        list[str] | None,
        typer.Option(help="A metric, or METRIC=minimize; may be given again. The study's own if left out."),
    ] = None,
) -> None:
    """The settings of a study that no other beats in every objective at once."""
    from sweeps.pareto import study_front_text

    print_line(study_front_text(study, wanted=objective or ()))
