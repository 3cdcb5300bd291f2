"""Detection of smoking puffs on puffMarker and rendered sessions."""

from softloc_core.tasks.puffs.task import PuffTask

__all__ = ["PuffTask"]
