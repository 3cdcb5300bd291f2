"""The commands around a study's design: what it will take, and which settings nothing beats."""

from __future__ import annotations

from typing import Annotated

import typer

from sweeps.cli.console import print_line
from sweeps.cli.options import DataRoot, StudyChoice, StudyDir, cache_dir, with_options

__all__ = ["add_planning_commands"]


def add_planning_commands(app: typer.Typer) -> None:
    """Give `app` the commands of this file."""
    app.command(
        epilog="Examples:\n\n"
        "- `softloc plan drums_210 --cpus 32 --price-per-hour 1.5`\n\n"
        "- `softloc plan study.yaml --data-root path/to/recordings --set replicates=3`"
    )(plan)
    app.command(epilog="Example: `softloc pareto runs/drums_210 --objective f1 --objective train_s`")(pareto)


@with_options
def plan(
    choice: StudyChoice,
    out: Annotated[str, typer.Option(help="Folder for studies; any address pyarrow opens.")] = "runs",
    data_root: DataRoot = None,
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
    from sweeps.forecasting import PlanOptions, plan_study
    from sweeps.planning import parse_data_roots

    options = PlanOptions(
        out=out,
        data_root=parse_data_roots(data_root),
        cache_dir=cache_dir(),
        cpus=cpus,
        gpus=gpus,
        price_per_hour=price_per_hour,
        trial_s=trial_seconds,
        pilot_s=pilot_seconds,
    )
    print_line(plan_study(choice.load(), options).text)


def pareto(
    study: StudyDir,
    objective: Annotated[
        list[str] | None,
        typer.Option(help="A metric, or METRIC=minimize; may be given again. The study's own if left out."),
    ] = None,
) -> None:
    """The settings of a study that no other beats in every objective at once."""
    from sweeps.inspection import study_front_text

    print_line(study_front_text(study, wanted=objective or ()))
