"""The errors that the analysis raises for a user's mistake."""

from __future__ import annotations

__all__ = ["AnalysisError", "TooFewPointsError"]


class AnalysisError(ValueError):
    """A study does not hold what the requested analysis needs. The message is one line."""


class TooFewPointsError(AnalysisError):
    """The trials are at too few different points for a fit."""
