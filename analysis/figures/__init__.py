"""Figures with matplotlib, and heat maps for the terminal. The same input produces the same bytes."""

from analysis.figures.authors import plot_authors_map
from analysis.figures.design import plot_design, text_design
from analysis.figures.details import plot_comparison, plot_slices, plot_uncertainty
from analysis.figures.groups import plot_groups
from analysis.figures.importance import plot_importance
from analysis.figures.maps import plot_map
from analysis.figures.style import COLOURS, LINES, UNSUPPORTED, save_figure
from analysis.figures.terminal import text_map

__all__ = [
    "COLOURS",
    "LINES",
    "UNSUPPORTED",
    "plot_authors_map",
    "plot_comparison",
    "plot_design",
    "plot_groups",
    "plot_importance",
    "plot_map",
    "plot_slices",
    "plot_uncertainty",
    "save_figure",
    "text_design",
    "text_map",
]
