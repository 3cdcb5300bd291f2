"""Piano onsets: MAPS, MAESTRO and rendered piano."""

from softloc_core.tasks.piano.task import PianoTask

__all__ = ["PianoTask"]
