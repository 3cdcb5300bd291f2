"""Starts of actions in video: 50 Salads, GTEA and rendered activities."""

from softloc_core.tasks.segmentation.task import SegmentationTask

__all__ = ["SegmentationTask"]
