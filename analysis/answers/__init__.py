"""Answers from a stored study: maps, curves, comparisons and recommendations. Nothing is plotted here."""

from analysis.answers.comparisons import Comparison, Estimate, compare_losses
from analysis.answers.curves import LossCurve, noise_axis
from analysis.answers.group_comparisons import GroupComparison, compare_groups, has_groups_only
from analysis.answers.maps import ESTIMATOR_LABELS, StudyMap, map_study
from analysis.answers.panels import Panel
from analysis.answers.recommendations import (
    Choice,
    Recommendation,
    recommend,
    recommend_levels,
)
from analysis.answers.resampling import Sources
from analysis.answers.ridges import FLAT_WITHIN, Ridge, fit_ridge, slices

__all__ = [
    "ESTIMATOR_LABELS",
    "FLAT_WITHIN",
    "Choice",
    "Comparison",
    "Estimate",
    "GroupComparison",
    "LossCurve",
    "Panel",
    "Recommendation",
    "Ridge",
    "Sources",
    "StudyMap",
    "compare_groups",
    "compare_losses",
    "fit_ridge",
    "has_groups_only",
    "map_study",
    "noise_axis",
    "recommend",
    "recommend_levels",
    "slices",
]
