"""The `softloc` command.

Exit status: 0 done; 1 some trials failed; 2 bad input, nothing started; 130 interrupted, with all finished
trials kept.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from analysis.errors import AnalysisError
from softloc_core.errors import UserError
from sweeps.cli.analysis import add_analysis_commands
from sweeps.cli.console import print_line
from sweeps.cli.options import DataRoot, StudyChoice, StudyDir, with_options
from sweeps.cli.planning import add_planning_commands
from sweeps.cli.submit import add_submit_command

if TYPE_CHECKING:
    from sweeps.planning import Budget

__all__ = ["app", "main"]

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Study how robust event detectors are to misaligned training labels.",
    epilog="Start with: `softloc run quickstart`",
)
data_app = typer.Typer(no_args_is_help=True, help="Check recorded data before a study uses it.")
mlflow_app = typer.Typer(no_args_is_help=True, help="Rebuild MLflow from the stored Parquet files.")
app.add_typer(data_app, name="data")
app.add_typer(mlflow_app, name="mlflow")


@dataclass(frozen=True)
class Limits:
    """The most that one run of a study may spend."""

    max_hours: Annotated[
        float | None, typer.Option(metavar="HOURS", help="Start no new trials after this many hours.")
    ] = None
    max_trials: Annotated[int | None, typer.Option(metavar="N", help="Run at most N trials this time.")] = (
        None
    )
    max_failures: Annotated[
        int | None, typer.Option(metavar="N", help="Start no new trials after N trials have failed.")
    ] = None

    def budget(self) -> Budget:
        """Return the limits as the budget of a run."""
        from sweeps.planning import Budget

        return Budget(max_hours=self.max_hours, max_trials=self.max_trials, max_failures=self.max_failures)


Out = Annotated[str, typer.Option(help="Folder for studies, or any address that pyarrow opens (s3://...).")]


@app.command(
    epilog="Examples:\n\n"
    "- `softloc run quickstart`\n\n"
    "- `softloc run drums_210 --data mdb --data-root 'MDB Drums'`\n\n"
    "- `softloc run drums_210 --trials 50 --set loss=cross_entropy --set name=baseline`\n\n"
    "- `softloc run study.yaml --set 'softness={uniform: [0ms, 50ms]}'`\n\n"
    "- `softloc run study.yaml --set 'stop_early={asha: {grace: 0.1}}' --set 'checkpoint={every: 10min}'`\n\n"
    "All keys of a study file: docs/studies.md."
)
@with_options
def run(
    choice: StudyChoice,
    out: Out = "runs",
    data_root: DataRoot = None,
    cpus: Annotated[
        int | None, typer.Option(metavar="N", help="Cores to use on this machine. Default: all.")
    ] = None,
    address: Annotated[
        str | None, typer.Option(help="Address of a running Ray cluster, such as auto or ray://HOST:10001.")
    ] = None,
    tracking_uri: Annotated[
        str | None,
        typer.Option(help="Address of an MLflow server. Default: a database in the study's folder."),
    ] = None,
    mlflow: Annotated[bool, typer.Option(help="Write the results to MLflow as well.")] = True,
    *,
    limits: Limits,
    mix: Annotated[
        bool, typer.Option("--mix", help="Keep stored trials of other code beside new ones.")
    ] = False,
    rerun: Annotated[
        bool, typer.Option("--rerun", help="Set stored trials of other code aside, and run them again.")
    ] = False,
) -> None:
    """Run a study, or resume it: only missing trials run.

    Parquet files, MLflow and figures are written to OUT/NAME. Finished trials are kept if you press Ctrl-C or
    if a limit is reached (--max-hours, --max-trials, --max-failures).
    """
    from sweeps.execution import RunOptions, run_study, study_folder
    from sweeps.inspection import plot_study, study_front_text
    from sweeps.planning import feature_cache_dir, parse_data_roots

    options = RunOptions(
        out=out,
        data_root=parse_data_roots(data_root),
        cache_dir=feature_cache_dir(),
        address=address,
        cpus=cpus,
        mlflow=mlflow,
        tracking_uri=tracking_uri,
        budget=limits.budget(),
        mix=mix,
        rerun=rerun,
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
    watch: Annotated[
        bool, typer.Option("--watch", help="Repeat every ten seconds until the study ends.")
    ] = False,
) -> None:
    """Show the progress of a study: counts, rate, expected finish, nodes and last errors."""
    from sweeps.inspection import status_text, watch_status

    for text in watch_status(study) if watch else [status_text(study)]:
        print_line(text)


@app.command(epilog="Example: `softloc dashboard runs/quickstart --port 5001`")
def dashboard(
    study: StudyDir,
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")] = 5000,
    host: Annotated[
        str,
        typer.Option(help="Address to listen on. The default accepts connections from this machine only."),
    ] = "127.0.0.1",
    backend_store_uri: Annotated[
        str | None,
        typer.Option(
            envvar="MLFLOW_BACKEND_STORE_URI",
            show_envvar=False,
            help="MLflow's database, such as postgresql://USER@HOST/DATABASE. Put an address with a password "
            "into the variable MLFLOW_BACKEND_STORE_URI. Default: mlflow.db in the study's folder.",
        ),
    ] = None,
) -> None:
    """Serve a study's MLflow pages, for yourself or for a team."""
    from sweeps.mlflow_view import serve_dashboard

    raise typer.Exit(
        serve_dashboard(study, port=port, host=host, backend_store_uri=backend_store_uri, say=print_line)
    )


@app.command(epilog="Example: `softloc export runs/drums_210 published/drums_210 --without history`")
def export(
    study: StudyDir,
    target: Annotated[str, typer.Argument(help="New folder, or any address that pyarrow opens.")],
    without: Annotated[
        list[str] | None,
        typer.Option(metavar="TABLE", help="Leave out a table: events, history or references. Repeatable."),
    ] = None,
) -> None:
    """Export a study as one Parquet file for each table, to archive or publish."""
    from sweeps.storage import export_study

    for line in export_study(study, target, without=tuple(without or ())):
        print_line(line)


@app.command()
def studies() -> None:
    """List the built-in studies."""
    from sweeps.study import shipped_studies, study_from_yaml

    for name, text in shipped_studies().items():
        study = study_from_yaml(text, name=f"studies/{name}.yaml")
        print_line(f"{name}: {study.description}")


@app.command()
def tasks() -> None:
    """List the tasks with their classes and data sources."""
    from softloc_core.tasks import TASKS

    for name, task in sorted(TASKS.tasks.items()):
        print_line(f"{name}: {task.description}")
        print_line(f"  classes {_listed(task.channel_names)}; tolerance {1000 * task.tolerance_s:g} ms; "
             f"networks {', '.join(task.networks)}")  # fmt: skip
        for source in task.sources.values():
            where = "needs --data-root" if source.needs_data_root else "no download needed"
            splits = ", ".join(
                f"{split} ({folds})" if folds > 1 else split for split, folds in source.splits.items()
            )
            licence = f"; {source.licence}" if source.licence else ""
            homepage = f"; {source.homepage}" if source.homepage else ""
            print_line(
                f"  --data {source.name}: {source.description}; {where}; splits {splits}{licence}{homepage}"
            )


def _listed(names: Sequence[str], *, most: int = 20) -> str:
    """Join names with commas; for a long list give the first ones, the last one and their number."""
    if len(names) <= most:
        return ", ".join(names)
    return f"{', '.join(names[:3])} to {names[-1]} ({len(names)})"


@data_app.command("check", epilog="Example: `softloc data check drums --data mdb --data-root 'MDB Drums'`")
def data_check(
    task: Annotated[str, typer.Argument(help="Name of a task (see `softloc tasks`).")],
    data: Annotated[str, typer.Option("--data", metavar="SOURCE", help="Data source of the task.")],
    data_root: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder of the recorded data.")
    ] = None,
    split: Annotated[str | None, typer.Option(help="Split of the source. Default: its first split.")] = None,
) -> None:
    """Read all data that a study would read, and report its contents or its errors."""
    from sweeps.inspection import check_data
    from sweeps.planning import feature_cache_dir

    for line in check_data(task, data, data_root=data_root, split=split, cache_dir=feature_cache_dir()):
        print_line(line)


@mlflow_app.command("rebuild", epilog="Example: `softloc mlflow rebuild runs/drums_210`")
def mlflow_rebuild(
    study: StudyDir,
    tracking_uri: Annotated[
        str | None,
        typer.Option(help="Address of an MLflow server. Default: a database in the study's folder."),
    ] = None,
) -> None:
    """Write the trials that MLflow lacks from a study's Parquet files. Safe to repeat."""
    from sweeps.mlflow_view import rebuild_mlflow

    print_line(rebuild_mlflow(study, uri=tracking_uri))


def _interrupt(number: int, frame: FrameType | None) -> None:
    """Treat SIGTERM, which cluster schedulers send, like Ctrl-C: finished trials are kept."""
    raise KeyboardInterrupt


def print_error(text: str) -> None:
    """Print an error to standard error."""
    Console(stderr=True, highlight=False, soft_wrap=True, markup=False).print(f"softloc: {text}")


def main() -> None:
    """Run the command line. A user's mistake prints one line and exits with status 2, without a traceback."""
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        app()
    except (UserError, AnalysisError) as error:
        print_error(str(error))
        sys.exit(2)
    except OSError as error:
        # For example a read-only folder or a full disk. Stored files are unchanged.
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        print_error(f"files must be readable and their folder writable, but got: {reason}")
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)
