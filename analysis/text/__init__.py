"""Answers as text and tables."""

from analysis.text.comparisons import comparison_text

__all__ = ["comparison_text"]
