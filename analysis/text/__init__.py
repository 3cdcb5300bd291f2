"""Answers as text for the terminal."""

from analysis.text.comparisons import comparison_text
from analysis.text.groups import group_text
from analysis.text.recommendations import recommendation_text
from analysis.text.units import intervals_text, radius_text, unit_digits

__all__ = [
    "comparison_text",
    "group_text",
    "intervals_text",
    "radius_text",
    "recommendation_text",
    "unit_digits",
]
