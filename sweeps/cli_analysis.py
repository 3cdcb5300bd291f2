"""The commands that read a study's Parquet and train nothing: surface, compare, recommend and the like."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from softloc_core.errors import UserError
from sweeps.console import print_line
from sweeps.units import parse_duration

if TYPE_CHECKING:
    from analysis.report import Output

__all__ = ["add_analysis_commands"]

StudyDir = Annotated[str, typer.Argument(help="A study's folder, as runs/quickstart.")]
OutDir = Annotated[Path | None, typer.Option(help="Where to write; STUDY/figures by default.")]
Metric = Annotated[str, typer.Option(help="A numeric column of the trials.")]
By = Annotated[str, typer.Option(help="Column whose values are told apart.")]
Estimator = Annotated[
    str, typer.Option(help="nadaraya_watson, local_linear, gaussian_process or steered_process.")
]
SurfaceEstimator = Annotated[
    str,
    typer.Option(
        help="auto (nadaraya_watson from 100 trials a loss on, else gaussian_process), nadaraya_watson, "
        "local_linear, gaussian_process or steered_process."
    ),
]
Bandwidth = Annotated[
    float | None, typer.Option(help="Of the kernel, in ms; chosen from the data if left out.")
]
Tolerance = Annotated[
    str | None, typer.Option(help="Score again at this tolerance, as 20ms, from the stored events.")
]
Only = Annotated[list[str] | None, typer.Option("--loss", help="Keep this loss; may be given again.")]
At = Annotated[
    list[str] | None,
    typer.Option(metavar="NAME=VALUE", help="Hold a parameter at a value, as alpha=0.5; may be given again."),
]
StandardError = Annotated[
    str,
    typer.Option(help="estimator (its own, with a kernel's bias) or bootstrap (over settings, recordings)."),
]
Level = Annotated[float, typer.Option(help="Probability of the intervals.")]


def add_analysis_commands(app: typer.Typer) -> None:
    """Give `app` the commands of this file."""
    for command, example in _EXAMPLES.items():
        app.command(epilog=f"Example: `{example}`")(command)


def surface(
    study: StudyDir,
    out_dir: OutDir = None,
    metric: Metric = "f1",
    by: By = "loss",
    estimator: SurfaceEstimator = "auto",
    bandwidth: Bandwidth = None,
    tolerance: Tolerance = None,
    x: Annotated[str | None, typer.Option(help="Parameter across; softness by default.")] = None,
    y: Annotated[str | None, typer.Option(help="Parameter up; label_noise by default.")] = None,
    at: At = None,
    marginal: Annotated[
        list[str] | None,
        typer.Option(help="Average over this parameter, as is done with all that are not drawn or held."),
    ] = None,
    standard_error: StandardError = "estimator",
    preset: Annotated[
        str | None, typer.Option(help="authors: the map as the paper's authors drew it.")
    ] = None,
) -> None:
    """Draw the heat map of a study again from its Parquet, with its errors, slices and ridge."""
    from analysis.report import write_surface
    from analysis.views import View

    drawn = write_surface(
        study,
        out_dir=out_dir,
        metric=metric,
        by=by,
        estimator=estimator,
        bandwidth=bandwidth,
        tolerance_s=_seconds("--tolerance", tolerance),
        preset=preset,
        view=View(x=x, y=y, at=_places(at), marginal=marginal or ()),
        standard_error=standard_error,
    )
    _show(drawn)


def compare(
    study: StudyDir,
    out_dir: OutDir = None,
    metric: Metric = "f1",
    by: By = "loss",
    only: Only = None,
    reference: Annotated[str | None, typer.Option(help="What the others are compared with.")] = None,
    softness: Annotated[
        str | None, typer.Option(help="Softness to compare at, as 100ms; each its best by default.")
    ] = None,
    estimator: Estimator = "gaussian_process",
    bandwidth: Bandwidth = None,
    tolerance: Tolerance = None,
    at: At = None,
    standard_error: StandardError = "estimator",
    level: Level = 0.95,
) -> None:
    """Compare losses, or any column, on the same wrong labels: differences, radius, area."""
    from analysis.report import write_compare

    compared = write_compare(
        study,
        out_dir=out_dir,
        metric=metric,
        by=by,
        only=only,
        reference=reference,
        softness_s=_seconds("--softness", softness),
        estimator=estimator,
        bandwidth=bandwidth,
        tolerance_s=_seconds("--tolerance", tolerance),
        at=_places(at),
        standard_error=standard_error,
        level=level,
    )
    _show(compared)


def recommend(
    study: StudyDir,
    label_noise: Annotated[str, typer.Option(help="How far labels are off (s.d.), as 60ms.")],
    out_dir: OutDir = None,
    metric: Metric = "f1",
    by: By = "loss",
    only: Only = None,
    estimator: Estimator = "gaussian_process",
    bandwidth: Bandwidth = None,
    tolerance: Tolerance = None,
    at: At = None,
    standard_error: StandardError = "estimator",
    level: Level = 0.95,
) -> None:
    """Say which loss and softness suit labels that are off by so much, and how sure that is."""
    from analysis.report import write_recommend

    noise_s = _seconds("--label-noise", label_noise)
    assert noise_s is not None, "the option is required"
    found = write_recommend(
        study,
        label_noise_s=noise_s,
        out_dir=out_dir,
        metric=metric,
        by=by,
        only=only,
        estimator=estimator,
        bandwidth=bandwidth,
        tolerance_s=_seconds("--tolerance", tolerance),
        at=_places(at),
        standard_error=standard_error,
        level=level,
    )
    _show(found)


def report(
    study: StudyDir,
    out_dir: OutDir = None,
    estimator: Estimator = "gaussian_process",
    tolerance: Tolerance = None,
) -> None:
    """Write one HTML page with the answers, maps, tables and failures of a study."""
    from analysis.report import write_report
    from sweeps.importance import importance

    written = write_report(
        study,
        out_dir=out_dir,
        estimator=estimator,
        tolerance_s=_seconds("--tolerance", tolerance),
        importance=importance,
    )
    _show(written)


def importance(
    study: StudyDir,
    out_dir: OutDir = None,
    metric: Metric = "f1",
    tolerance: Tolerance = None,
) -> None:
    """Say how much of a metric's spread each varied parameter explains (functional ANOVA)."""
    from analysis.report import write_importance
    from sweeps.importance import importance as shares

    written = write_importance(
        study,
        partial(shares, metric=metric),
        out_dir=out_dir,
        metric=metric,
        tolerance_s=_seconds("--tolerance", tolerance),
    )
    _show(written)


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
    if duration.unit not in ("s", "ms") or not math.isfinite(duration.value):
        raise UserError(f"`{option}` must be finite and in ms or s, as 20ms, but got {text}")
    return duration.value / (1000 if duration.unit == "ms" else 1)


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
    """The text, and a path a line."""
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
