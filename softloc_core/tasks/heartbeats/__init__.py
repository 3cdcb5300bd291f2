"""Heart beats in an ECG: the MIT-BIH Arrhythmia Database and rendered signals."""

from softloc_core.tasks.heartbeats.task import HeartbeatTask

__all__ = ["HeartbeatTask"]
