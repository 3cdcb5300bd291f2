"""Heat maps for the terminal with at most 80 columns, in colour or plain characters."""

from __future__ import annotations

import numpy as np
from matplotlib.colors import Normalize

from analysis.answers import Panel, StudyMap
from analysis.arrays import Array
from analysis.figures.style import COLOURS
from analysis.reading import Axis
from analysis.tables import wrapped

__all__ = ["text_map"]

_RAMP = ".:-=+*%#@"
_MARGIN, _WIDTH, _ROWS, _STRIP_WIDTH = 7, 56, 14, 3


def text_map(study_map: StudyMap, *, colour: bool) -> str:
    """Return all panels one below the other, with the first axis horizontal and the second vertical.

    Args:
        study_map: The map to show.
        colour: Whether to use half blocks in 24-bit colour, or nine characters from '.' (low) to '@' (high).
            Regions far from all trials are blank.
    """
    scale = Normalize(*study_map.limits)
    blocks = [_surface(panel, scale, colour=colour) for panel in study_map.panels if panel.is_surface]
    curves = [panel for panel in study_map.panels if not panel.is_surface]
    blocks += [_curves(curves, study_map.metric_label)] if curves else []
    legend = _legend(scale, study_map.metric_label, colour=colour)
    return "\n\n".join([*blocks, "\n".join([legend, *(wrapped(note) for note in study_map.notes)])])


def _surface(panel: Panel, scale: Normalize, *, colour: bool) -> str:
    """Return one loss as rows of characters, with the highest value of the second axis on top."""
    across, up = panel.axes
    rows = 2 * _ROWS if colour else _ROWS
    cells = _sampled(panel.value, _WIDTH, rows)[:, ::-1].T
    body = (
        _coloured(cells, scale)
        if colour
        else ["".join(_character(cell, scale) for cell in row) for row in cells]
    )
    labels = _labels(up, len(body))
    lines = [f"{panel.name}: {up.title} over {across.title}, {len(panel.values)} trials"]
    lines += [f"{label:>{_MARGIN - 1}} {line}" for label, line in zip(labels, body, strict=True)]
    middle = f"{(across.low + across.high) / 2:g}"
    ruler = f"{across.low:<{_WIDTH // 2}g}{middle}"
    return "\n".join([*lines, " " * _MARGIN + ruler + f"{across.high:>{_WIDTH - len(ruler)}g}"])


def _curves(panels: list[Panel], label: str) -> str:
    """Return losses with one parameter as rows of numbers over it."""
    (axis,) = panels[0].axes
    at = axis.lattice(6)
    head = f"{axis.title:<24}" + "".join(f"{value:>8g}" for value in at)
    lines = [f"{label} of losses with one parameter", head]
    for panel in panels:
        values = np.interp(at, panel.lattice.axes[0], panel.value)
        lines.append(f"{panel.name[:23]:<24}" + "".join(f"{value:8.3f}" for value in values))
    return "\n".join(lines)


def _sampled(value: Array, width: int, height: int) -> Array:
    """Return the values at the centres of the characters, [width, height]."""
    columns = ((np.arange(width) + 0.5) / width * value.shape[0]).astype(int)
    rows = ((np.arange(height) + 0.5) / height * value.shape[1]).astype(int)
    return value[np.ix_(columns, rows)]


def _labels(axis: Axis, n_rows: int) -> list[str]:
    """Return labels for the top, middle and bottom rows, and empty text for the others."""
    labels = [""] * n_rows
    labels[0], labels[-1] = f"{axis.high:g}", f"{axis.low:g}"
    labels[n_rows // 2] = f"{(axis.low + axis.high) / 2:g}"
    return labels


def _character(value: float, scale: Normalize) -> str:
    if not np.isfinite(value):
        return " "
    return _RAMP[min(int(float(scale(value)) * len(_RAMP)), len(_RAMP) - 1)]


def _coloured(cells: Array, scale: Normalize) -> list[str]:
    """Return lines of half blocks, each with two values: one in the text colour, one in the background."""
    return [
        "".join(_block(top, bottom, scale) for top, bottom in zip(upper, lower, strict=True)) + "\x1b[0m"
        for upper, lower in zip(cells[::2], cells[1::2], strict=True)
    ]


def _block(top: float, bottom: float, scale: Normalize) -> str:
    if not (np.isfinite(top) and np.isfinite(bottom)):
        return "\x1b[0m "
    return f"\x1b[38;2;{_rgb(top, scale)}m\x1b[48;2;{_rgb(bottom, scale)}m▀"


def _rgb(value: float, scale: Normalize) -> str:
    return ";".join(str(round(255 * part)) for part in COLOURS(float(scale(value)))[:3])


def _legend(scale: Normalize, label: str, *, colour: bool) -> str:
    """Return the colour scale as one line."""
    low, high = float(scale.vmin or 0.0), float(scale.vmax or 0.0)
    steps = np.linspace(low, high, 28 if colour else len(_RAMP))
    bar = "".join(f"\x1b[48;2;{_rgb(step, scale)}m " for step in steps) + "\x1b[0m" if colour else _RAMP
    return f"{label} {low:.2f} {bar} {high:.2f}"
