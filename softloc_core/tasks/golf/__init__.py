"""Golf swing sequencing on GolfDB and rendered swings."""

from softloc_core.tasks.golf.task import GolfTask

__all__ = ["GolfTask"]
