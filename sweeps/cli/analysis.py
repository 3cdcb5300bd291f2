"""The commands that read a study's Parquet and train nothing: surface, compare, recommend and the like."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from softloc_core.errors import UserError
from sweeps.cli.console import print_line
from sweeps.cli.options import StudyDir, with_options
from sweeps.study import parse_duration

if TYPE_CHECKING:
    from analysis.report import Output, ReportOptions

__all__ = ["add_analysis_commands"]

OutDir = Annotated[Path | None, typer.Option(help="Where to write; STUDY/figures by default.")]
Metric = Annotated[str, typer.Option(help="A numeric column of the trials.")]
By = Annotated[str, typer.Option(help="Column whose values are compared.")]
_NAMES = "nadaraya_watson, local_linear, gaussian_process or contour_process"
Estimator = Annotated[
    str,
    typer.Option(help=f"auto (level means for few levels with replicates, else gaussian_process), {_NAMES}."),
]
SurfaceEstimator = Annotated[
    str,
    typer.Option(
        help="auto (level means for few levels with replicates, nadaraya_watson for 100 or more trials per "
        f"loss, else gaussian_process), {_NAMES}."
    ),
]
Bandwidth = Annotated[
    float | None, typer.Option(help="Bandwidth of the kernel in ms; chosen from the data by default.")
]
Tolerance = Annotated[
    str | None, typer.Option(help="Rescore from the stored events at this tolerance, such as 20ms.")
]
Only = Annotated[list[str] | None, typer.Option("--loss", help="Include only this loss; repeatable.")]
At = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME=VALUE",
        help="Hold a parameter at a value, such as alpha=0.5, task=golf or fold=2; repeatable.",
    ),
]
StandardError = Annotated[
    str,
    typer.Option(help="estimator (its own error, with a kernel's bias) or bootstrap (settings, recordings)."),
]
WithStopped = Annotated[
    bool,
    typer.Option("--with-stopped", help="Include trials that stopped early, with the scores they reached."),
]
Level = Annotated[float, typer.Option(help="Probability of the intervals.")]


def add_analysis_commands(app: typer.Typer) -> None:
    """Add the commands of this module to `app`."""
    for command, example in _EXAMPLES.items():
        app.command(epilog=f"Example: `{example}`")(command)


@dataclass(frozen=True)
class Asked:
    """The options of all commands that show a metric."""

    out_dir: OutDir = None
    metric: Metric = "f1"
    by: By = "loss"
    bandwidth: Bandwidth = None
    tolerance: Tolerance = None
    at: At = None
    standard_error: StandardError = "estimator"
    with_stopped: WithStopped = False

    def options(self, **others: Any) -> ReportOptions:
        """Return the options of the analysis, with those that only some commands have."""
        from analysis.report import ReportOptions

        return ReportOptions(
            out_dir=self.out_dir,
            metric=self.metric,
            by=self.by,
            bandwidth=self.bandwidth,
            tolerance_s=_seconds("--tolerance", self.tolerance),
            at=_places(self.at),
            standard_error=self.standard_error,
            with_stopped=self.with_stopped,
            **others,
        )


@dataclass(frozen=True)
class AskedOfLosses(Asked):
    """The options of the commands that compare losses."""

    only: Only = None
    estimator: Estimator = "auto"
    level: Level = 0.95

    def options(self, **others: Any) -> ReportOptions:
        """Return the options of the analysis, with those of a comparison."""
        return super().options(only=self.only, estimator=self.estimator, level=self.level, **others)


@with_options
def surface(
    study: StudyDir,
    asked: Asked,
    estimator: SurfaceEstimator = "auto",
    x: Annotated[str | None, typer.Option(help="Horizontal parameter; softness by default.")] = None,
    y: Annotated[str | None, typer.Option(help="Vertical parameter; label_noise by default.")] = None,
    marginal: Annotated[
        list[str] | None,
        typer.Option(help="Average over this parameter, as over all that are neither plotted nor held."),
    ] = None,
    preset: Annotated[
        str | None, typer.Option(help="authors: the map as the paper's authors published it.")
    ] = None,
) -> None:
    """Plot the heat map of a study from its Parquet, with its errors, slices and ridge."""
    from analysis.reading import View
    from analysis.report import write_surface

    view = View(x=x, y=y, at=_places(asked.at), marginal=marginal or ())
    _show(write_surface(study, asked.options(estimator=estimator), preset=preset, view=view))


@with_options
def compare(
    study: StudyDir,
    asked: AskedOfLosses,
    reference: Annotated[str | None, typer.Option(help="Value to compare the others with.")] = None,
    softness: Annotated[
        str | None, typer.Option(help="Softness to compare at, such as 100ms; the best of each by default.")
    ] = None,
) -> None:
    """Compare losses (or any column) on the same wrong labels: differences, radius and area."""
    from analysis.report import write_compare

    softness_s = _seconds("--softness", softness)
    _show(write_compare(study, asked.options(), reference=reference, softness_s=softness_s))


@with_options
def recommend(
    study: StudyDir,
    label_noise: Annotated[str, typer.Option(help="Scale of the label noise (s.d.), such as 60ms.")],
    asked: AskedOfLosses,
) -> None:
    """Recommend a loss and softness for labels with this noise, and say how certain that is."""
    from analysis.report import write_recommend

    noise_s = _seconds("--label-noise", label_noise)
    assert noise_s is not None, "the option is required"
    _show(write_recommend(study, asked.options(), label_noise_s=noise_s))


def report(
    study: StudyDir,
    out_dir: OutDir = None,
    estimator: Estimator = "auto",
    tolerance: Tolerance = None,
    with_stopped: WithStopped = False,
) -> None:
    """Write one HTML page with the answers, maps, tables and failures of a study."""
    from analysis.report import ReportOptions, write_report
    from sweeps.inspection import parameter_importance as importance

    options = ReportOptions(
        out_dir=out_dir,
        estimator=estimator,
        tolerance_s=_seconds("--tolerance", tolerance),
        with_stopped=with_stopped,
    )
    _show(write_report(study, options, importance=importance))


def importance(
    study: StudyDir,
    out_dir: OutDir = None,
    metric: Metric = "f1",
    tolerance: Tolerance = None,
    with_stopped: WithStopped = False,
) -> None:
    """Show how much of a metric's variance each varied parameter explains (functional ANOVA)."""
    from analysis.report import ReportOptions, write_importance
    from sweeps.inspection import parameter_importance as shares

    options = ReportOptions(
        out_dir=out_dir,
        metric=metric,
        tolerance_s=_seconds("--tolerance", tolerance),
        with_stopped=with_stopped,
    )
    _show(write_importance(study, partial(shares, metric=metric), options))


def _seconds(option: str, text: str | None) -> float | None:
    """A duration of the command line in seconds.

    Raises:
        UserError: No finite duration in s or ms (frames and tolerances differ from trial to trial).
    """
    if text is None:
        return None
    try:
        duration = parse_duration(text)
    except UserError as error:
        raise UserError(f"`{option}` {error}") from error
    if not duration.is_absolute or not math.isfinite(duration.value):
        raise UserError(f"`{option}` must be finite and in ms or s, as 20ms, but got {text}")
    return duration.seconds()


def _places(given: list[str] | None) -> dict[str, str]:
    """Values by parameter from `NAME=VALUE`.

    Raises:
        UserError: Another form, or a parameter given twice.
    """
    places: dict[str, str] = {}
    for text in given or []:
        name, found, value = text.partition("=")
        if not (name.strip() and found and value.strip()):
            raise UserError(f"`--at` must be NAME=VALUE, as alpha=0.5 or label_noise=60ms, but got {text}")
        if name.strip() in places:
            raise UserError(f"`--at` must give each parameter once, but got {name.strip()} twice")
        places[name.strip()] = value.strip()
    return places


def _show(output: Output) -> None:
    """Print the text, and one path per line."""
    print_line(output.text)
    for path in output.paths:
        print_line(str(path))


_EXAMPLES: Mapping[Callable[..., None], str] = {
    surface: "softloc surface runs/drums_210 --bandwidth 10",
    compare: "softloc compare runs/quickstart --tolerance 20ms",
    recommend: "softloc recommend runs/quickstart --label-noise 60ms",
    report: "softloc report runs/quickstart",
    importance: "softloc importance runs/quickstart",
}
