"""The keys of a piano: channels, MIDI numbers and names."""

from __future__ import annotations

__all__ = ["HIGHEST_MIDI", "KEY_NAMES", "LOWEST_MIDI", "key_name"]

LOWEST_MIDI, HIGHEST_MIDI = 21, 108
"""MIDI numbers of the lowest and the highest of the 88 keys."""

_PITCH_CLASSES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")


def key_name(midi: int) -> str:
    """Return the scientific pitch name of a MIDI number.

    >>> key_name(21), key_name(60), key_name(108)
    ('A0', 'C4', 'C8')
    """
    return f"{_PITCH_CLASSES[midi % 12]}{midi // 12 - 1}"


KEY_NAMES = tuple(key_name(midi) for midi in range(LOWEST_MIDI, HIGHEST_MIDI + 1))
"""Names of the 88 keys from the lowest to the highest: the channels of the task."""
