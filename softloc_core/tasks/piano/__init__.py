"""Piano transcription on MAPS, MAESTRO and rendered pianos."""

from softloc_core.tasks.piano.task import PianoTask

__all__ = ["PianoTask"]
