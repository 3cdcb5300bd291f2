"""Detection of initial foot contacts from the motion of the lower back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from softloc_core.decoding import SPARSE_DECODING
from softloc_core.events import EventList
from softloc_core.losses import Ramp
from softloc_core.metrics import Scores
from softloc_core.networks import CompactNetwork, NetworkBuilder
from softloc_core.tasks.base import SignalTask, TaskData
from softloc_core.tasks.gait.mobgap import MobgapSource
from softloc_core.tasks.gait.rendered import RenderedGaitSource
from softloc_core.tasks.gait.stretches import FRONT_ENDS, GAIT_CHANNELS

__all__ = ["GaitTask"]

TIGHT_TOLERANCE_S, WIDE_TOLERANCE_S = 0.05, 0.25

# What differs from `COMMON_DEFAULTS`.
_DEFAULTS: Mapping[str, Any] = {
    "features": "imu_100",
    "excerpt_s": 3.0,
    # Chosen by cross-validation within the rendered training persons; see docs/tasks/gait.md.
    "alpha": Ramp(low=0.7, high=0.9, start=0.2, stop=0.9),
    "iterations": 250,
    "batch_size": 8,
    "learning_rate": 8e-3,
    "weight_averaging": 0.97,
}


class GaitTask(SignalTask):
    """Initial contacts of both feet within 100 ms, which is about a sixth of a step.

    The recordings have contacts of two reference systems. The split determines which system is used for
    training and which for testing.
    """

    name = "gait"
    description = "initial foot contacts in walking, from a lower-back sensor"
    channel_names: tuple[str, ...] = GAIT_CHANNELS
    tolerance_s = 0.1
    front_ends = FRONT_ENDS
    networks: Mapping[str, NetworkBuilder] = {"compact": CompactNetwork}
    auto_decoding = SPARSE_DECODING
    shared_defaults = _DEFAULTS
    network_defaults: Mapping[str, Mapping[str, Any]] = {"compact": {}}

    def __init__(self) -> None:
        super().__init__((MobgapSource(), RenderedGaitSource()))

    def score(self, data: TaskData, events: Mapping[str, EventList], *, tolerance_s: float) -> Scores:
        """Return the scores, with F1 and timing errors at other tolerances as measures.

        The measures are F1 at 50 and 250 ms and the timing error at 250 ms. The task's tolerance limits the
        timing errors of matches. At 250 ms, slightly less than half a step, nearly every contact is matched.
        """
        scores = super().score(data, events, tolerance_s=tolerance_s)
        tight = super().score(data, events, tolerance_s=TIGHT_TOLERANCE_S)
        wide = super().score(data, events, tolerance_s=WIDE_TOLERANCE_S)
        measures = {
            "f1_50ms": tight.f1,
            "f1_250ms": wide.f1,
            "timing_mean_250ms_s": wide.timing_mean_s,
            "timing_sd_250ms_s": wide.timing_sd_s,
        }
        return replace(scores, measures={**scores.measures, **measures})
