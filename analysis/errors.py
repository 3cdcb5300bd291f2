"""Errors of the analysis."""

from __future__ import annotations

__all__ = ["AnalysisError", "TooFewPointsError"]


class AnalysisError(ValueError):
    """What a study must hold for the analysis asked of it, and what it holds instead, in one line."""


class TooFewPointsError(AnalysisError):
    """Trials at too few different points for a fit."""
