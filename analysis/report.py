"""What the command line calls: a study in, figures, tables and a text for the terminal out."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from analysis.maps import StudyMap, map_study
from analysis.plots import plot_map, save_figure
from analysis.results import AnalysisError, load_study
from analysis.text_plots import text_map

__all__ = ["SurfaceOutput", "write_surface"]


@dataclass(frozen=True)
class SurfaceOutput:
    """What was written and what to print.

    Attributes:
        paths: Written files.
        text: For the terminal, at most 80 columns.
    """

    paths: tuple[Path, ...]
    text: str


def write_surface(
    study: str | Path,
    *,
    out_dir: Path | None = None,
    metric: str = "f1",
    estimator: str = "nadaraya_watson",
    bandwidth: float | tuple[float, float] | None = None,
    colour: bool | None = None,
) -> SurfaceOutput:
    """Draw a study's robustness surface: `surface.png`, `surface.svg` and the lattice as `surface.parquet`.

    Args:
        study: The study's folder or address.
        out_dir: Where to write; `<study>/figures` when None, which a remote study does not have.
        metric: Numeric column of the trials.
        estimator: See `analysis.surfaces.ESTIMATORS`.
        bandwidth: Standard deviation of the kernel in shown units (ms), one number or one an axis; chosen by
            leave-one-out cross validation when None.
        colour: Whether the text is in colour; when None, only on a terminal that wants it.

    Raises:
        AnalysisError: A study that cannot be read or drawn.
    """
    study_map = map_study(load_study(study), metric=metric, estimator=estimator, bandwidth=bandwidth)
    folder = _folder(study, out_dir)
    stem = folder / ("surface" if metric == "f1" else f"surface_{metric}")
    figures = save_figure(plot_map(study_map), stem)
    table = _write_table(study_map, stem.with_suffix(".parquet"))
    wants_colour = _terminal_wants_colour() if colour is None else colour
    return SurfaceOutput(paths=(*figures, table), text=text_map(study_map, colour=wants_colour))


def _write_table(study_map: StudyMap, path: Path) -> Path:
    """The lattice as Parquet."""
    pq.write_table(pa.Table.from_pandas(study_map.table(), preserve_index=False), path, compression="zstd")
    return path


def _folder(study: str | Path, out_dir: Path | None) -> Path:
    """Where figures go."""
    if out_dir is not None:
        return Path(out_dir)
    if "://" in str(study):
        raise AnalysisError(
            f"figures are written to a local folder: give one (`--out-dir`), as {study} is remote"
        )
    return Path(study) / "figures"


def _terminal_wants_colour() -> bool:
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
