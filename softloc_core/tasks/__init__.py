"""Tasks by name; importing this package registers all of them."""

from softloc_core.tasks.base import (
    DataRequest,
    FeatureSum,
    Recording,
    SourceInfo,
    SourceReport,
    Task,
    TaskData,
    TaskRegistry,
    check_source,
)
from softloc_core.tasks.digits import FIELD_PX, WINDOW_PX, DigitTask, embedded_digits, mnist_digits
from softloc_core.tasks.drums import DrumTask
from softloc_core.tasks.gait import GaitTask, Trial, read_trials
from softloc_core.tasks.golf import GolfTask
from softloc_core.tasks.heartbeats import HeartbeatTask
from softloc_core.tasks.piano import PianoTask
from softloc_core.tasks.puffs import PuffTask
from softloc_core.tasks.segmentation import SegmentationTask

__all__ = [
    "FIELD_PX",
    "TASKS",
    "WINDOW_PX",
    "DataRequest",
    "FeatureSum",
    "Recording",
    "SourceInfo",
    "SourceReport",
    "Task",
    "TaskData",
    "Trial",
    "check_source",
    "embedded_digits",
    "mnist_digits",
    "read_trials",
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
