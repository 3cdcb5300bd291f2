"""Detection of smoking puffs: which breaths are puffs, without tolerance in time."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from softloc_core.events import EventList, seconds_to_frames
from softloc_core.losses import Constant, Ramp
from softloc_core.metrics import Scores, score_steps
from softloc_core.networks import CompactNetwork, NetworkBuilder, PuffLstm
from softloc_core.tasks.base import STEADY_TRAINING, SignalTask, TaskData
from softloc_core.tasks.puffs.puff_marker import STEP_S, PuffMarkerSource
from softloc_core.tasks.puffs.rendered import RenderedPuffsSource

__all__ = ["PuffTask"]

# Defaults that differ from `COMMON_DEFAULTS` for all networks.
_DEFAULTS: Mapping[str, Any] = {
    "features": "plain",
    "softness_s": 3 * STEP_S,
    "noise": "rounded_normal",
    "noise_options": (("step_s", STEP_S),),
    "excerpt_s": 50 * STEP_S,
    "weight_decay": 0.0,
    "gradient_clip": 5.0,
}
_NETWORK_DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    # Chosen with one more person left out; see docs/tasks/puffs.md.
    "compact": {
        "alpha": Ramp(low=0.7, high=0.9, start=0.2, stop=0.9),
        "iterations": 600,
        "batch_size": 16,
        "learning_rate": 5e-3,
        "weight_averaging": 0.99,
    },
    # Source: the SoftLoc paper's released code, puffs experiment. There, one-sided smoothing has a learning
    # rate of 2e-4, and the gradients of cross entropy are not clipped.
    "paper": {
        **STEADY_TRAINING,
        "alpha": Constant(0.95),
        "loss_options": (("reduction", "puffs"),),
        "iterations": 10_001,
        "batch_size": 32,
        "learning_rate": 1e-3,
    },
}


class PuffTask(SignalTask):
    """The puff task of the SoftLoc paper (section 5.2), on puffMarker or on rendered breaths.

    A frame is a breath and counts as one second, so label noise of two breaths is written `2s` or `2frames`.
    Labels are on whole frames for every kind of noise. Deliberate differences from the released code: two
    noisy labels on one frame count once for every loss, while theirs do so for cross entropy only. Excerpts
    are within a session, while the released code pads sessions with zeros at their ends.
    """

    name = "puffs"
    description = "breaths that are puffs of a cigarette, on the exact breath"
    channel_names: tuple[str, ...] = ("puff",)
    tolerance_s = 0.49 * STEP_S
    time_unit = "frames"  # a frame is a breath
    rates_vary = False
    networks: Mapping[str, NetworkBuilder] = {
        "compact": partial(CompactNetwork, width=24, taps=3, n_convolutions=2, hidden=24),
        "paper": PuffLstm,
    }
    auto_decoding: Mapping[str, str] = {
        "point": "threshold_paper_puffs",
        "frame": "threshold",
        "smeared": "peak_picking_steps",
        "extended": "rising_edge",
    }
    shared_defaults = _DEFAULTS
    network_defaults = _NETWORK_DEFAULTS

    def __init__(self) -> None:
        super().__init__((PuffMarkerSource(), RenderedPuffsSource()))

    def score(self, data: TaskData, events: Mapping[str, EventList], *, tolerance_s: float) -> Scores:
        """Return F1 on whole frames. A tolerance below one frame requires the exact frame."""
        return score_steps(
            [(recording.reference, events[recording.name]) for recording in data.test],
            channel_names=data.channel_names,
            step_s=data.hop_s,
            tolerance_steps=int(seconds_to_frames(tolerance_s, hop_s=data.hop_s)),
        )
