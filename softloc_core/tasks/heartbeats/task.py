"""Heartbeat detection: all beats and premature ventricular beats in electrocardiograms within 50 ms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from torch import nn

from softloc_core.decoding import SPARSE_DECODING
from softloc_core.events import EventList
from softloc_core.losses import Ramp
from softloc_core.metrics import Scores
from softloc_core.networks import ChunkedNetwork, CompactNetwork, NetworkBuilder
from softloc_core.tasks.base import SignalTask, TaskData
from softloc_core.tasks.heartbeats.mit_bih import MitBihSource
from softloc_core.tasks.heartbeats.rendered import RenderedHeartbeatsSource
from softloc_core.tasks.heartbeats.signal import FRONT_ENDS, HEARTBEAT_CHANNELS

__all__ = ["HeartbeatTask"]

FIELD_TOLERANCE_S = 0.15
"""The standard tolerance for beat detectors (ANSI/AAMI EC57), which is scored in addition to the task's."""

# What differs from `COMMON_DEFAULTS`.
_DEFAULTS: Mapping[str, Any] = {
    "features": "ecg_60",
    "excerpt_s": 3.0,
    # Chosen by cross-validation within the training records; see docs/tasks/heartbeats.md.
    "alpha": Ramp(low=0.7, high=0.9, start=0.2, stop=0.9),
    "iterations": 600,
    "batch_size": 16,
    "learning_rate": 8e-3,
    "weight_averaging": 0.99,
}


def _in_chunks(
    *, n_bands: int, n_channels: int, initial_logit: float, bidirectional: bool = True, **sizes: int
) -> nn.Module:
    """Build the compact network, which processes long recordings in chunks of 20 s with margins of 2 s."""
    network = CompactNetwork(
        n_bands=n_bands,
        n_channels=n_channels,
        initial_logit=initial_logit,
        bidirectional=bidirectional,
        **sizes,
    )
    return ChunkedNetwork(network, chunk_frames=1_200, margin_frames=120)


class HeartbeatTask(SignalTask):
    """Beats and premature ventricular beats (PVC) in electrocardiograms sampled at 360 Hz.

    A premature ventricular beat is an event of both classes.
    """

    name = "heartbeats"
    description = "heartbeats and premature ventricular beats in electrocardiograms"
    channel_names: tuple[str, ...] = HEARTBEAT_CHANNELS
    tolerance_s = 0.05
    front_ends = FRONT_ENDS
    networks: Mapping[str, NetworkBuilder] = {
        "compact": _in_chunks,
        "compact_causal": partial(_in_chunks, bidirectional=False),
    }
    auto_decoding = SPARSE_DECODING
    shared_defaults = _DEFAULTS
    network_defaults: Mapping[str, Mapping[str, Any]] = {"compact": {}, "compact_causal": {}}

    def __init__(self) -> None:
        super().__init__((MitBihSource(), RenderedHeartbeatsSource()))

    def score(self, data: TaskData, events: Mapping[str, EventList], *, tolerance_s: float) -> Scores:
        """Return the scores, with F1 at 150 ms overall and by class as measures."""
        scores = super().score(data, events, tolerance_s=tolerance_s)
        wide = super().score(data, events, tolerance_s=FIELD_TOLERANCE_S)
        of_classes = {f"f1_150ms_{name}": f1 for name, f1 in wide.f1_per_class.items()}
        return replace(scores, measures={**scores.measures, "f1_150ms": wide.f1, **of_classes})
