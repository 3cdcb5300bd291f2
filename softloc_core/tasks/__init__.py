"""Tasks by name; importing this package registers all of them."""

from softloc_core.tasks.base import DataRequest, Recording, SourceInfo, Task, TaskData, TaskRegistry
from softloc_core.tasks.drums import DrumTask

__all__ = ["TASKS", "DataRequest", "Recording", "SourceInfo", "Task", "TaskData"]

TASKS = TaskRegistry()
TASKS.register(DrumTask())
