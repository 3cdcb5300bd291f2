"""The three classes of the drum task."""

from __future__ import annotations

__all__ = ["DRUM_CHANNELS"]

DRUM_CHANNELS = ("HH", "KD", "SD")
"""Hi-hat, kick drum, snare drum: the papers' three classes, in their order."""
