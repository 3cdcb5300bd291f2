"""The tasks by name; importing this package registers all of them in `TASKS`."""

from softloc_core.tasks.base import (
    DataRequest,
    FeatureSum,
    Recording,
    SourceInfo,
    Task,
    TaskData,
    TaskRegistry,
    check_source,
)
from softloc_core.tasks.digits import DigitTask
from softloc_core.tasks.drums import DrumTask
from softloc_core.tasks.gait import GaitTask
from softloc_core.tasks.golf import GolfTask
from softloc_core.tasks.heartbeats import HeartbeatTask
from softloc_core.tasks.piano import PianoTask
from softloc_core.tasks.puffs import PuffTask
from softloc_core.tasks.segmentation import SegmentationTask

__all__ = [
    "TASKS",
    "DataRequest",
    "FeatureSum",
    "Recording",
    "SourceInfo",
    "Task",
    "TaskData",
    "check_source",
]

TASKS = TaskRegistry()
TASKS.register(DrumTask())
TASKS.register(GaitTask())
TASKS.register(GolfTask())
TASKS.register(HeartbeatTask())
TASKS.register(PianoTask())
TASKS.register(PuffTask())
TASKS.register(SegmentationTask())
TASKS.register(DigitTask())
