"""Drum transcription on MDB Drums, IDMT-SMT-Drums, ENST-Drums and rendered drums."""

from softloc_core.tasks.drums.task import DrumTask

__all__ = ["DrumTask"]
