"""Commands about a study's design: forecast its cost, and list its Pareto-optimal settings."""

from __future__ import annotations

from typing import Annotated

import typer

from sweeps.cli.console import print_line
from sweeps.cli.options import DataRoot, StudyChoice, StudyDir, with_options

__all__ = ["add_planning_commands"]


def add_planning_commands(app: typer.Typer) -> None:
    """Add the commands of this module to `app`."""
    app.command(
        epilog="Examples:\n\n"
        "- `softloc plan drums_210 --cpus 32 --price-per-hour 1.5`\n\n"
        "- `softloc plan study.yaml --data-root path/to/recordings --set replicates=3`"
    )(plan)
    app.command(epilog="Example: `softloc pareto runs/drums_210 --objective f1 --objective train_s`")(pareto)


@with_options
def plan(
    choice: StudyChoice,
    out: Annotated[str, typer.Option(help="Folder for studies, or any address that pyarrow opens.")] = "runs",
    data_root: DataRoot = None,
    cpus: Annotated[
        float | None,
        typer.Option(metavar="N", help="Cores available to the study. Default: all cores of this machine."),
    ] = None,
    gpus: Annotated[
        float | None,
        typer.Option(metavar="N", help="GPUs available to the study. Default: all GPUs of this machine."),
    ] = None,
    price_per_hour: Annotated[
        float | None,
        typer.Option(metavar="PRICE", help="Price of these resources for one hour, in any currency."),
    ] = None,
    trial_seconds: Annotated[
        float | None,
        typer.Option(metavar="SECONDS", help="Duration of one trial, if known. No pilot trials run then."),
    ] = None,
    pilot_seconds: Annotated[
        float, typer.Option(metavar="SECONDS", help="Minimum duration of the longest pilot run.")
    ] = 3.0,
) -> None:
    """Forecast the trials, hours and cost of a study, and plot its design points.

    Short pilot trials are timed on this machine and extrapolated to full trials. Only the plot is stored.
    """
    from sweeps.forecasting import PlanOptions, plan_study
    from sweeps.planning import feature_cache_dir, parse_data_roots

    options = PlanOptions(
        out=out,
        data_root=parse_data_roots(data_root),
        cache_dir=feature_cache_dir(),
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
        typer.Option(
            metavar="METRIC[=DIRECTION]",
            help="Metric to optimise, such as f1 or train_s=minimize. Repeatable. Default: the study's own.",
        ),
    ] = None,
) -> None:
    """List the Pareto-optimal settings of a study: those that no other setting dominates."""
    from sweeps.inspection import study_front_text

    print_line(study_front_text(study, wanted=objective or ()))
