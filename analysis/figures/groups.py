"""The figure of a comparison within groups."""

from __future__ import annotations

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from analysis.answers import GroupComparison
from analysis.figures.style import LINES, style
from analysis.labels import loss_label

__all__ = ["plot_groups"]


def plot_groups(found: GroupComparison) -> Figure:
    """Plot every trial as a dot and every mean as a bar, group by group."""
    groups = list(dict.fromkeys(found.summary["cell"]))
    references = set(found.differences["reference"])
    values = sorted(set(found.summary[found.by]), key=lambda value: (value not in references, value))
    with style():
        figure = Figure(figsize=(max(4.5, 1.4 * len(groups) + 1.5), 3.6), layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.subplots()
        for index, value in enumerate(values):
            colour = LINES[index % len(LINES)]
            offset = 0.7 * ((index + 0.5) / len(values) - 0.5)
            part = found.trials[found.trials[found.by] == value]
            at = np.array([groups.index(group) for group in part["cell"]]) + offset
            axes.scatter(at, part[found.metric], s=12, color=colour, alpha=0.6, linewidths=0)
            means = found.summary[found.summary[found.by] == value]
            places = np.array([groups.index(group) for group in means["cell"]]) + offset
            half = 0.3 / len(values)
            axes.hlines(
                means["mean"],
                places - half,
                places + half,
                color=colour,
                linewidth=2.2,
                label=loss_label(value),
            )
        axes.set_xticks(range(len(groups)), [name.replace(", ", "\n").replace("_", " ") for name in groups])
        axes.set_ylabel(found.metric_label)
        axes.set_title(found.study)
        axes.legend(frameon=False, fontsize=8, loc="best")
    return figure
