"""The look that all figures share: colours, text, trials as dots, and files without dates."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

__all__ = ["COLOURS", "LINES", "UNSUPPORTED", "draw_trials", "save_figure", "style"]

COLOURS = LinearSegmentedColormap.from_list(
    "robustness", ["#7f1d3a", "#c4423f", "#ee8f5b", "#f7d9a0", "#a9cfc4", "#4f97ac", "#1f5a86", "#12325e"]
)
UNSUPPORTED = "#e9e9e6"
LINES = ("#1f5a86", "#c4423f", "#3c8d5a", "#8a5aa5", "#d08a2e", "#4a4a4a", "#2aa1a1", "#a04a72")
_DOTS: dict[str, Any] = {
    "s": 9,
    "c": "white",
    "edgecolors": "#1b2a3a",
    "linewidths": 0.35,
    "zorder": 3,
    "clip_on": False,
}
_STYLE: dict[str, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#555555",
    "xtick.color": "#333333",
    "ytick.color": "#333333",
    "svg.hashsalt": "softloc",
    "svg.fonttype": "path",
}


@contextmanager
def style() -> Iterator[None]:
    """Apply the look of all figures, independent of the user's matplotlib settings."""
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(_STYLE)  # type: ignore[arg-type]
        yield


def save_figure(figure: Figure, path: Path) -> tuple[Path, Path]:
    """Write `path` with the suffixes .png (200 dpi) and .svg, without dates, and return both paths."""
    path.parent.mkdir(parents=True, exist_ok=True)
    written = []
    with style():
        for suffix, metadata in ((".png", {"Software": None}), (".svg", {"Date": None, "Creator": None})):
            buffer = io.BytesIO()
            figure.savefig(buffer, format=suffix[1:], dpi=200, metadata=metadata, facecolor="white")
            target = path.with_name(path.name + suffix)
            target.write_bytes(buffer.getvalue())
            written.append(target)
    return written[0], written[1]


def draw_trials(axes: Axes, x: Any, y: Any, *, nearness: Any = 1.0, size: float = 9.0) -> None:
    """Plot trials as white dots with a thin dark edge, which is visible on light colours too.

    Trials far from the plotted section are faint.
    """
    axes.scatter(x, y, **{**_DOTS, "s": size}, alpha=np.clip(nearness, 0.12, 1.0))
