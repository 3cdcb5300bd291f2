"""What a study answers: maps, curves, comparisons, recommendations. Computes and draws nothing."""

from analysis.answers.comparisons import Comparison, compare_losses
from analysis.answers.curves import LossCurve, noise_axis
from analysis.answers.group_comparisons import CellComparison, compare_cells, has_cells_only
from analysis.answers.maps import ESTIMATOR_LABELS, StudyMap, map_study
from analysis.answers.panels import Panel
from analysis.answers.recommendations import recommend, recommend_levels
from analysis.answers.ridges import fit_ridge, slices

__all__ = [
    "ESTIMATOR_LABELS",
    "CellComparison",
    "Comparison",
    "LossCurve",
    "Panel",
    "StudyMap",
    "compare_cells",
    "compare_losses",
    "fit_ridge",
    "has_cells_only",
    "map_study",
    "noise_axis",
    "recommend",
    "recommend_levels",
    "slices",
]
