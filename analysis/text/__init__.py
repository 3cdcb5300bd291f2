"""Answers as text for the terminal."""

from analysis.text.comparisons import comparison_text
from analysis.text.groups import group_text
from analysis.text.recommendations import recommendation_text

__all__ = ["comparison_text", "group_text", "recommendation_text"]
