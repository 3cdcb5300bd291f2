"""Tasks by name; importing this package registers all of them."""

from softloc_core.tasks.base.checks import SourceReport, check_source
from softloc_core.tasks.base.contract import (
    DataRequest,
    FeatureSum,
    Recording,
    SourceInfo,
    Task,
    TaskData,
    TaskRegistry,
)
from softloc_core.tasks.digits.task import DigitTask
from softloc_core.tasks.drums.task import DrumTask
from softloc_core.tasks.gait.task import GaitTask
from softloc_core.tasks.golf.task import GolfTask
from softloc_core.tasks.heartbeats.task import HeartbeatTask
from softloc_core.tasks.piano.task import PianoTask
from softloc_core.tasks.puffs.task import PuffTask
from softloc_core.tasks.segmentation.task import SegmentationTask

__all__ = [
    "TASKS",
    "DataRequest",
    "FeatureSum",
    "Recording",
    "SourceInfo",
    "SourceReport",
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
