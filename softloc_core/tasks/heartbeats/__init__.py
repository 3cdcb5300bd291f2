"""Heartbeat detection on the MIT-BIH Arrhythmia Database and rendered electrocardiograms."""

from softloc_core.tasks.heartbeats.task import HeartbeatTask

__all__ = ["HeartbeatTask"]
