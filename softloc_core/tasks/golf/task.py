"""Golf swing sequencing: eight events, each exactly once, within the tolerance of the clip."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from softloc_core.events import EventList
from softloc_core.losses import Ramp
from softloc_core.metrics import Scores, correct_event_measures
from softloc_core.networks import CompactNetwork, NetworkBuilder, SwingNetHead
from softloc_core.tasks.base import STEADY_TRAINING, SignalTask, TaskData
from softloc_core.tasks.golf.annotations import GOLF_CHANNELS
from softloc_core.tasks.golf.clips import FRAME_S
from softloc_core.tasks.golf.golf_db import GolfDbSource
from softloc_core.tasks.golf.rendered import RenderedGolfSource

__all__ = ["GolfTask"]

# Defaults that differ from `COMMON_DEFAULTS` for all networks.
_DEFAULTS: Mapping[str, Any] = {
    "features": "plain",
    "softness_s": 5 * FRAME_S,
    "noise": "rounded_normal",
    "noise_options": (("step_s", FRAME_S),),
    "excerpt_s": 64 * FRAME_S,
}
# Source: the SoftLoc paper's released code, golf experiment. There, cross entropy has a learning rate of 1e-3
# and class weights of 1/8 (events) and 1/35 (no event). The reduction does not matter for a loss of one term,
# because Adam is invariant to its scale.
_PAPER: Mapping[str, Any] = {
    **STEADY_TRAINING,
    "alpha": Ramp(low=0.0, high=0.005, start=0.7, stop=0.9),
    "loss_options": (("combination", "additive"), ("event_weight", 35 / 8), ("reduction", "golf")),
    "iterations": 10_000,
    "batch_size": 22,
    "learning_rate": 2e-4,
    "gradient_clip": float("inf"),
}
_NETWORK_DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    # Chosen by cross-validation within the training clips; see docs/tasks/golf.md.
    "compact": {
        "alpha": Ramp(low=0.2, high=0.9, start=0.2, stop=0.9),
        "loss_options": (("event_weight", 35 / 8),),
        "iterations": 800,
        "batch_size": 16,
        "learning_rate": 5e-3,
        "weight_averaging": 0.99,
    },
    "paper": _PAPER,
    "paper_causal": _PAPER,
}


class GolfTask(SignalTask):
    """The golf task of the SoftLoc papers, on features of GolfDB's clips or on rendered swings.

    Source: SoftLoc paper (ICML UDL workshop 2020, section 4.1), after McNally et al. 2019. Deliberate
    differences: the input is per-frame features, not videos. Clips are scored as a whole, not in chunks of 64
    frames. Excerpts are within their clip, while theirs wrap around. If two noisy labels share a frame, both
    are kept, while the original keeps only the earlier class.
    """

    name = "golf"
    description = "eight events of a golf swing, each of which occurs once"
    channel_names: tuple[str, ...] = GOLF_CHANNELS
    tolerance_s = 1.001 * FRAME_S
    score_name = "PCE"
    time_unit = "frames"
    networks: Mapping[str, NetworkBuilder] = {
        "compact": CompactNetwork,
        "paper": SwingNetHead,
        "paper_causal": partial(SwingNetHead, bidirectional=False),
    }
    auto_decoding: Mapping[str, str] = {"point": "one_each", "frame": "one_each", "smeared": "one_each"}
    shared_defaults = _DEFAULTS
    network_defaults = _NETWORK_DEFAULTS

    def __init__(self) -> None:
        super().__init__((GolfDbSource(), RenderedGolfSource()))

    def score(self, data: TaskData, events: Mapping[str, EventList], *, tolerance_s: float) -> Scores:
        """Return the percentage of correct events (PCE) as F1, with the PCE of each event as measures.

        PCE and F1 are equal, because each event is estimated once.
        """
        scores = super().score(data, events, tolerance_s=tolerance_s)
        measures = correct_event_measures(
            [(recording.reference, events[recording.name]) for recording in data.test],
            channel_names=data.channel_names,
            tolerance_s=[recording.tolerance_s or tolerance_s for recording in data.test],
        )
        return replace(scores, measures=measures)
