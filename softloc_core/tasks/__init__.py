"""Tasks by name; importing this package registers all of them."""

from softloc_core.tasks.base import DataRequest, Recording, SourceInfo, Task, TaskData, TaskRegistry

__all__ = ["TASKS", "DataRequest", "Recording", "SourceInfo", "Task", "TaskData"]

TASKS = TaskRegistry()
