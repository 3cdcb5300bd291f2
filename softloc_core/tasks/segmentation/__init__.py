"""Action segmentation on 50 Salads, GTEA and rendered videos."""

from softloc_core.tasks.segmentation.task import SegmentationTask

__all__ = ["SegmentationTask"]
