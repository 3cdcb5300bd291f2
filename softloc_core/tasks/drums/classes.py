"""The classes of the drum task."""

from __future__ import annotations

__all__ = ["DRUM_CHANNELS"]

DRUM_CHANNELS = ("HH", "KD", "SD")
"""Hi-hat, kick drum and snare drum: the three classes of the papers, in their order."""
