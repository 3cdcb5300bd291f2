"""Rendered golf swings: nothing to download, exact events, another golfer and camera in every clip."""

from __future__ import annotations

import numpy as np

from softloc_core.events import EventList
from softloc_core.tasks.base import (
    RenderedSource,
    SignalRecording,
    generator_of,
    key_of,
    numbered_names,
    rendered_info,
)
from softloc_core.tasks.golf.clips import FRAME_S
from softloc_core.tasks.golf.golf_db import clip_tolerance_s
from softloc_core.tasks.golf.swing import draw_swing

__all__ = ["RenderedSwings"]

RENDERING_VERSION = 1


class RenderedSwings(RenderedSource[SignalRecording]):
    """Swings of a stylised golfer as a camera would track them: 60 clips to train on, 40 to score."""

    info = rendered_info(
        "golf swings rendered on the spot, another golfer and camera in every clip", "new_golfers"
    )
    names = numbered_names(train=60, test=40)

    def recording(self, name: str, seed: int) -> SignalRecording:
        """One clip."""
        return _recording(name, seed)


def _recording(name: str, seed: int) -> SignalRecording:
    """A clip that follows from its name and a seed."""
    words = ("golf", RENDERING_VERSION, seed, name)
    swing = draw_swing(generator_of(*words))
    time_s = np.asarray(swing.event_frame, dtype=np.float64) * FRAME_S
    events = EventList(time_s, np.arange(len(time_s)), len(swing.features) * FRAME_S)
    return SignalRecording(
        name=name,
        group=name,
        hop_s=FRAME_S,
        features=lambda _: swing.features,
        content_key=key_of(*words),
        reference=events,
        tolerance_s=clip_tolerance_s(swing.event_frame),
    )
