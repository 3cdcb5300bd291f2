"""Commands that analyse a stored study without training: surface, compare, recommend, report, rescore..."""

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

OutDir = Annotated[
    Path | None, typer.Option(metavar="DIR", help="Folder for the output. Default: STUDY/figures.")
]
Metric = Annotated[str, typer.Option(metavar="COLUMN", help="Numeric column of the trials table to analyse.")]
By = Annotated[
    str, typer.Option(metavar="COLUMN", help="Column that defines the groups to analyse separately.")
]
_NAMES = "nadaraya_watson, local_linear, gaussian_process or contour_process"
Estimator = Annotated[
    str,
    typer.Option(
        help="Regression method. auto joins the means of a few replicated levels, and uses gaussian_process "
        f"otherwise. Others: {_NAMES}."
    ),
]
SurfaceEstimator = Annotated[
    str,
    typer.Option(
        help="Regression method. auto joins the means of a few replicated levels, uses nadaraya_watson from "
        f"100 trials per loss, and gaussian_process otherwise. Others: {_NAMES}."
    ),
]
Bandwidth = Annotated[
    float | None,
    typer.Option(metavar="MS", help="Bandwidth of the kernel in ms. Default: chosen from the data."),
]
Tolerance = Annotated[
    str | None,
    typer.Option(metavar="DURATION", help="Score the stored events again with this tolerance, such as 20ms."),
]
DecodingName = Annotated[
    str | None,
    typer.Option(
        metavar="NAME[:OPTION=N,...]",
        help="Decode the stored probabilities again, such as calibrated, auto or local_mass:mass=0.5.",
    ),
]
Only = Annotated[list[str] | None, typer.Option("--loss", help="Analyse this loss only. Repeatable.")]
At = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME=VALUE",
        help="Fix a parameter at a value, such as alpha=0.5, task=golf or fold=2. Repeatable.",
    ),
]
StandardError = Annotated[
    str,
    typer.Option(
        help="Source of the standard errors: estimator (the method's own, including a kernel's bias) or "
        "bootstrap (over settings and recordings)."
    ),
]
WithStopped = Annotated[
    bool,
    typer.Option(
        "--with-stopped", help="Include trials that were stopped early, with the scores they had reached."
    ),
]
Level = Annotated[float, typer.Option(help="Probability that the intervals cover, between 0 and 1.")]


def add_analysis_commands(app: typer.Typer) -> None:
    """Add the commands of this module to `app`."""
    for command, example in _EXAMPLES.items():
        app.command(epilog=f"Example: `{example}`")(command)


@dataclass(frozen=True)
class AnalysisOptions:
    """The options of every command that analyses a metric."""

    out_dir: OutDir = None
    metric: Metric = "f1"
    by: By = "loss"
    bandwidth: Bandwidth = None
    tolerance: Tolerance = None
    decoding: DecodingName = None
    at: At = None
    standard_error: StandardError = "estimator"
    with_stopped: WithStopped = False

    def location(self, study: str) -> str:
        """Return the folder to analyse: the study, or the study under another decoding."""
        return _decoded(study, self.decoding)

    def for_report(self, **others: Any) -> ReportOptions:
        """Return the options of `analysis.report`, together with those that only some commands have."""
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
class ComparisonOptions(AnalysisOptions):
    """The options of commands that compare losses."""

    only: Only = None
    estimator: Estimator = "auto"
    level: Level = 0.95

    def for_report(self, **others: Any) -> ReportOptions:
        """Return the options of `analysis.report`, together with those of a comparison."""
        return super().for_report(only=self.only, estimator=self.estimator, level=self.level, **others)


@with_options
def surface(
    study: StudyDir,
    options: AnalysisOptions,
    estimator: SurfaceEstimator = "auto",
    x: Annotated[
        str | None, typer.Option(metavar="NAME", help="Parameter on the horizontal axis. Default: softness.")
    ] = None,
    y: Annotated[
        str | None, typer.Option(metavar="NAME", help="Parameter on the vertical axis. Default: label_noise.")
    ] = None,
    marginal: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="Average over this parameter. Parameters that are neither on an axis nor fixed are averaged "
            "anyway. Repeatable.",
        ),
    ] = None,
    preset: Annotated[
        str | None, typer.Option(help="`authors` draws the map in the style of the paper.")
    ] = None,
) -> None:
    """Draw the heat map of a study with its errors, slices and ridge."""
    from analysis.reading import View
    from analysis.report import write_surface

    view = View(x=x, y=y, at=_places(options.at), marginal=marginal or ())
    _show(
        write_surface(
            options.location(study), options.for_report(estimator=estimator), preset=preset, view=view
        )
    )


@with_options
def compare(
    study: StudyDir,
    options: ComparisonOptions,
    reference: Annotated[
        str | None,
        typer.Option(metavar="GROUP", help="Loss (or value of --by) that the others are compared with."),
    ] = None,
    softness: Annotated[
        str | None,
        typer.Option(
            metavar="DURATION",
            help="Softness at which to compare, such as 100ms. Default: the best one of each loss.",
        ),
    ] = None,
) -> None:
    """Compare losses, or the values of any column, on the same noisy labels."""
    from analysis.report import write_compare

    softness_s = _seconds("--softness", softness)
    _show(
        write_compare(
            options.location(study), options.for_report(), reference=reference, softness_s=softness_s
        )
    )


@with_options
def recommend(
    study: StudyDir,
    label_noise: Annotated[
        str, typer.Option(metavar="DURATION", help="Standard deviation of the label errors, such as 60ms.")
    ],
    options: ComparisonOptions,
) -> None:
    """Recommend a loss and a softness for a given label noise, with the confidence in that choice."""
    from analysis.report import write_recommend

    noise_s = _seconds("--label-noise", label_noise)
    assert noise_s is not None, "the option is required"
    _show(write_recommend(options.location(study), options.for_report(), label_noise_s=noise_s))


def report(
    study: StudyDir,
    out_dir: OutDir = None,
    estimator: Estimator = "auto",
    tolerance: Tolerance = None,
    decoding: DecodingName = None,
    with_stopped: WithStopped = False,
) -> None:
    """Write an HTML report of a study: answers, maps, tables and failed trials."""
    from analysis.report import ReportOptions, write_report
    from sweeps.inspection import parameter_importance as importance

    options = ReportOptions(
        out_dir=out_dir,
        estimator=estimator,
        tolerance_s=_seconds("--tolerance", tolerance),
        with_stopped=with_stopped,
    )
    _show(write_report(_decoded(study, decoding), options, importance=importance))


def importance(
    study: StudyDir,
    out_dir: OutDir = None,
    metric: Metric = "f1",
    tolerance: Tolerance = None,
    decoding: DecodingName = None,
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
    _show(write_importance(_decoded(study, decoding), partial(shares, metric=metric), options))


def rescore(
    study: StudyDir,
    decoding: Annotated[
        str,
        typer.Option(
            metavar="NAME[:OPTION=N,...]",
            help="calibrated, auto or a fixed decoder, such as local_mass:mass=0.5,window_s=0.1.",
        ),
    ] = "calibrated",
    out: Annotated[
        str | None,
        typer.Option(metavar="DIR", help="Folder of the result. Default: STUDY/decodings/NAME."),
    ] = None,
) -> None:
    """Decode and score the stored event probabilities again, without training.

    The result is a study that every other command reads. The table shows the mean score of each loss before
    and after. Calibrated decoding also shows the oracle: the best decoder of the grid for each trial, chosen
    on the test recordings themselves, which no user can do.
    """
    print_line(_rescored(study, decoding, out=out))


def _decoded(study: str, decoding: str | None) -> str:
    """Return the folder of a study, or of the study under another decoding, which is stored inside it."""
    return study if decoding is None else _rescored(study, decoding)


def _rescored(study: str, decoding: str, *, out: str | None = None) -> str:
    """Decode a study again, print what that changed, and return the folder of the result."""
    from sweeps.inspection import parse_decoding, rescore as rescore_study, rescored_text

    result = rescore_study(study, parse_decoding(decoding), target=out)
    print_line(rescored_text(result))
    return result.location


def _seconds(option: str, text: str | None) -> float | None:
    """Return a duration of the command line in seconds.

    Raises:
        UserError: It is not a finite duration in s or ms. (Frames and tolerances can differ between trials.)
    """
    if text is None:
        return None
    try:
        duration = parse_duration(text)
    except UserError as error:
        raise UserError(f"`{option}` {error}") from error
    if not duration.is_absolute or not math.isfinite(duration.value):
        raise UserError(f"`{option}` must be finite and in ms or s, such as 20ms, but got {text}")
    return duration.seconds()


def _places(given: list[str] | None) -> dict[str, str]:
    """Return values by parameter from texts of the form `NAME=VALUE`.

    Raises:
        UserError: A text has another form, or a parameter is given twice.
    """
    places: dict[str, str] = {}
    for text in given or []:
        name, found, value = text.partition("=")
        if not (name.strip() and found and value.strip()):
            raise UserError(
                f"`--at` must be NAME=VALUE, such as alpha=0.5 or label_noise=60ms, but got {text}"
            )
        if name.strip() in places:
            raise UserError(f"`--at` must give each parameter once, but got {name.strip()} twice")
        places[name.strip()] = value.strip()
    return places


def _show(output: Output) -> None:
    """Print a command's text, then the path of each file on its own line."""
    print_line(output.text)
    for path in output.paths:
        print_line(str(path))


_EXAMPLES: Mapping[Callable[..., None], str] = {
    surface: "softloc surface runs/drums_210 --bandwidth 10",
    compare: "softloc compare runs/quickstart --tolerance 20ms",
    recommend: "softloc recommend runs/quickstart --label-noise 60ms",
    report: "softloc report runs/quickstart",
    importance: "softloc importance runs/quickstart",
    rescore: "softloc rescore runs/quickstart --decoding local_mass:mass=0.5",
}
