"""The `softloc` command: arguments in, an exit status out.

0 done; 1 some trials failed; 2 bad input, nothing started; 130 interrupted, everything finished is kept.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer
from rich.console import Console

from analysis.errors import AnalysisError
from softloc_core.errors import UserError
from sweeps.cli.analysis import add_analysis_commands
from sweeps.cli.console import print_line
from sweeps.cli.options import DataRoot, StudyChoice, StudyDir, cache_dir, with_options
from sweeps.cli.planning import add_planning_commands
from sweeps.cli.submit import add_submit_command

__all__ = ["app", "main"]

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Robustness studies for event detectors trained on misaligned labels.",
    epilog="Begin with: `softloc run quickstart`",
)
data_app = typer.Typer(no_args_is_help=True, help="Recorded data: check it before a study runs on it.")
mlflow_app = typer.Typer(no_args_is_help=True, help="MLflow: write it again from Parquet.")
app.add_typer(data_app, name="data")
app.add_typer(mlflow_app, name="mlflow")

Out = Annotated[str, typer.Option(help="Folder for studies; any address pyarrow opens (s3://...).")]


@app.command(
    epilog="Examples:\n\n"
    "- `softloc run quickstart`\n\n"
    "- `softloc run drums_210 --data mdb --data-root 'MDB Drums'`\n\n"
    "- `softloc run drums_210 --trials 50 --set loss=cross_entropy --set name=baseline`\n\n"
    "- `softloc run study.yaml --set 'softness={uniform: [0ms, 50ms]}'`\n\n"
    "- `softloc run study.yaml --set 'stop_early={asha: {grace: 0.1}}' --set 'checkpoint={every: 10min}'`\n\n"
    "Every key of a study: docs/studies.md."
)
@with_options
def run(
    choice: StudyChoice,
    out: Out = "runs",
    data_root: DataRoot = None,
    cpus: Annotated[int | None, typer.Option(help="Cores to use on this machine; all by default.")] = None,
    address: Annotated[
        str | None, typer.Option(help="A running Ray cluster, as auto or ray://HOST:10001.")
    ] = None,
    tracking_uri: Annotated[
        str | None, typer.Option(help="An MLflow server, instead of the study's own.")
    ] = None,
    mlflow: Annotated[bool, typer.Option(help="Whether MLflow is written.")] = True,
    max_hours: Annotated[float | None, typer.Option(help="Begin no trial after so many hours.")] = None,
    max_trials: Annotated[int | None, typer.Option(help="Run at most so many trials this time.")] = None,
    max_failures: Annotated[
        int | None, typer.Option(help="Begin no trial after so many have failed.")
    ] = None,
) -> None:
    """Run a study; run again, it goes on with what is missing.

    Parquet, MLflow and figures go to OUT/NAME. Ctrl-C keeps what is finished, and so does the end of a budget
    (--max-hours, --max-trials, --max-failures).
    """
    from sweeps.execution import RunOptions, run_study, study_folder
    from sweeps.inspection import plot_study, study_front_text
    from sweeps.planning import Budget, parse_data_roots

    options = RunOptions(
        out=out,
        data_root=parse_data_roots(data_root),
        cache_dir=cache_dir(),
        address=address,
        cpus=cpus,
        mlflow=mlflow,
        tracking_uri=tracking_uri,
        budget=Budget(max_hours=max_hours, max_trials=max_trials, max_failures=max_failures),
        draw=plot_study,
    )
    study = choice.load()
    outcome = run_study(study, options)
    if len(study.objectives) > 1 and not outcome.interrupted:
        print_line(study_front_text(str(study_folder(study, out=out))))
    if outcome.text:
        print_line(outcome.text)
    for path in outcome.figures:
        print_line(str(path))
    raise typer.Exit(outcome.exit_status)


add_planning_commands(app)
add_analysis_commands(app)
add_submit_command(app)


@app.command(epilog="Example: `softloc status runs/drums_210`")
def status(
    study: StudyDir,
    watch: Annotated[bool, typer.Option("--watch", help="Again every ten seconds until it ends.")] = False,
) -> None:
    """How far a study is, wherever it runs: counts, rate, expected finish, nodes, last errors."""
    from sweeps.inspection import status_text, watch_status

    for text in watch_status(study) if watch else [status_text(study)]:
        print_line(text)


@app.command(epilog="Example: `softloc dashboard runs/quickstart --port 5001`")
def dashboard(
    study: StudyDir,
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")] = 5000,
    host: Annotated[
        str, typer.Option(help="Address to listen on; by default this machine alone.")
    ] = "127.0.0.1",
    backend_store_uri: Annotated[
        str | None,
        typer.Option(
            envvar="MLFLOW_BACKEND_STORE_URI",
            show_envvar=False,
            help="MLflow's database, as postgresql://USER@HOST/DATABASE; a password rather in the variable "
            "MLFLOW_BACKEND_STORE_URI. The study's own mlflow.db by default.",
        ),
    ] = None,
) -> None:
    """Browse a study in MLflow, or serve MLflow to a team."""
    from sweeps.mlflow_view import serve_dashboard

    raise typer.Exit(
        serve_dashboard(study, port=port, host=host, backend_store_uri=backend_store_uri, say=print_line)
    )


@app.command(epilog="Example: `softloc export runs/drums_210 published/drums_210 --without history`")
def export(
    study: StudyDir,
    target: Annotated[str, typer.Argument(help="A new folder, or an address pyarrow opens.")],
    without: Annotated[
        list[str] | None, typer.Option(metavar="TABLE", help="Leave out events, history or references.")
    ] = None,
) -> None:
    """Gather a study into a few Parquet files, to keep or to publish; every command reads them."""
    from sweeps.storage import export_study

    for line in export_study(study, target, without=tuple(without or ())):
        print_line(line)


@app.command()
def studies() -> None:
    """The studies that ship."""
    from sweeps.study import shipped_studies, study_from_yaml

    for name, text in shipped_studies().items():
        study = study_from_yaml(text, name=f"studies/{name}.yaml")
        print_line(f"{name}: {study.description}")


@app.command()
def tasks() -> None:
    """The tasks, their classes and their data sources."""
    from softloc_core.tasks import TASKS

    for name, task in sorted(TASKS.tasks.items()):
        print_line(f"{name}: {task.description}")
        print_line(f"  classes {_listed(task.channel_names)}; tolerance {1000 * task.tolerance_s:g} ms; "
             f"networks {', '.join(task.networks)}")  # fmt: skip
        for source in task.sources.values():
            where = "needs --data-root" if source.needs_data_root else "made here, needs nothing"
            splits = ", ".join(
                f"{split} ({folds})" if folds > 1 else split for split, folds in source.splits.items()
            )
            licence = f"; {source.licence}" if source.licence else ""
            homepage = f"; {source.homepage}" if source.homepage else ""
            print_line(
                f"  --data {source.name}: {source.description}; {where}; splits {splits}{licence}{homepage}"
            )


def _listed(names: Sequence[str], *, most: int = 20) -> str:
    """Names with commas; of very many the first, the last and their number."""
    if len(names) <= most:
        return ", ".join(names)
    return f"{', '.join(names[:3])} to {names[-1]} ({len(names)})"


@data_app.command("check", epilog="Example: `softloc data check drums --data mdb --data-root 'MDB Drums'`")
def data_check(
    task: Annotated[str, typer.Argument(help="A task, see `softloc tasks`.")],
    data: Annotated[str, typer.Option("--data", metavar="SOURCE", help="One of the task's data sources.")],
    data_root: Annotated[Path | None, typer.Option(help="Folder of the recorded data.")] = None,
    split: Annotated[str | None, typer.Option(help="A split of the source; its first by default.")] = None,
) -> None:
    """Read everything a study would read, and say what is there or what is wrong with it."""
    from sweeps.inspection import check_data

    for line in check_data(task, data, data_root=data_root, split=split, cache_dir=cache_dir()):
        print_line(line)


@mlflow_app.command("rebuild", epilog="Example: `softloc mlflow rebuild runs/drums_210`")
def mlflow_rebuild(
    study: StudyDir,
    tracking_uri: Annotated[
        str | None, typer.Option(help="An MLflow server, instead of the study's own.")
    ] = None,
) -> None:
    """Write into MLflow what it lacks of a study's Parquet; twice changes nothing."""
    from sweeps.mlflow_view import rebuild_mlflow

    print_line(rebuild_mlflow(study, uri=tracking_uri))


def _interrupt(number: int, frame: FrameType | None) -> None:
    """What Ctrl-C does: SIGTERM, as schedulers send it, keeps what is finished as well."""
    raise KeyboardInterrupt


def print_error(text: str) -> None:
    """What went wrong, on standard error."""
    Console(stderr=True, highlight=False, soft_wrap=True, markup=False).print(f"softloc: {text}")


def main() -> None:
    """Entry point: a user's mistake is one line and status 2, never a traceback."""
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        app()
    except (UserError, AnalysisError) as error:
        print_error(str(error))
        sys.exit(2)
    except OSError as error:
        # A folder that takes no figures, a disk that is full: what is stored stays as it is.
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        print_error(f"files must be readable and their folder must take files, but got: {reason}")
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)
