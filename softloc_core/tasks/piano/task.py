"""Piano transcription: onsets of 88 keys within 50 ms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from softloc_core.events import EventList
from softloc_core.losses import Ramp
from softloc_core.metrics import Scores, mean_over_recordings
from softloc_core.networks import (
    HarmonicNetwork,
    NetworkBuilder,
    OnsetsNetwork,
    PianoConvLstm,
    PianoConvLstmText,
    PianoCountConvLstm,
)
from softloc_core.tasks.base import STEADY_TRAINING, AudioTask, TaskData
from softloc_core.tasks.piano.keys import KEY_NAMES
from softloc_core.tasks.piano.maestro import MaestroSource
from softloc_core.tasks.piano.maps import MapsSource, PaperKeysMapsSource
from softloc_core.tasks.piano.rendered import RenderedPianoSource

__all__ = ["PianoTask"]

# Source: the SoftLoc paper's released code, piano experiment. Alpha still increases at the end of training.
_PAPER: Mapping[str, Any] = {
    **STEADY_TRAINING,
    "features": "paper_piano",
    "alpha": Ramp(low=0.2, high=0.6, start=0.75, stop=1.0),
    "iterations": 160_000,
    "batch_size": 32,
    "excerpt_s": 1.5,
    "learning_rate": 3e-4,
    # Their post-processing: windows of 20 frames (100 ms) with a probability mass of 0.35.
    "decoding_options": (("mass", 0.35), ("window_s", 0.1)),
}
# Defaults of each network.
_NETWORK_DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    # Chosen by cross-validation within the training recordings; see docs/tasks/piano.md.
    "compact": {
        "features": "semitones_196",
        "alpha": Ramp(low=0.7, high=0.9, start=0.2, stop=0.9),
        "iterations": 200,
        "batch_size": 8,
        "excerpt_s": 3.0,
        "learning_rate": 1e-2,
        "weight_averaging": 0.98,
        "gain_db": 6.0,
        "band_gain_db": 3.0,
    },
    "paper": _PAPER,
    "paper_text": _PAPER,
    # Source: the LoCo paper's released code, piano.
    "paper_counts": {**_PAPER, "iterations": 500_000, "learning_rate": 1e-4},
    # Source: Hawthorne et al., 2018, section 3.2. They also decay the learning rate by 2 % per 10 000 steps.
    "onsets_frames": {
        **_PAPER,
        "features": "log_mel_229",
        "iterations": 50_000,
        "batch_size": 8,
        "excerpt_s": 20.0,
        "learning_rate": 6e-4,
        "gradient_clip": 3.0,
        "decoding_options": (("mass", 0.5),),
    },
}


class PianoTask(AudioTask):
    """The piano task of the SoftLoc paper (section 5.1.1), on recorded or rendered pianos.

    `f1` pools the matches of all pieces and keys. The papers report the mean over pieces, which is the
    measure `f1_mean`.
    """

    name = "piano"
    description = "onsets of the 88 keys in piano recordings"
    channel_names: tuple[str, ...] = KEY_NAMES
    tolerance_s = 0.05
    networks: Mapping[str, NetworkBuilder] = {
        "compact": HarmonicNetwork,
        "paper": PianoConvLstm,
        "paper_text": PianoConvLstmText,
        "paper_counts": PianoCountConvLstm,
        "onsets_frames": OnsetsNetwork,
    }
    shared_defaults: Mapping[str, Any] = {}
    network_defaults = _NETWORK_DEFAULTS

    def __init__(self) -> None:
        super().__init__((MapsSource(), PaperKeysMapsSource(), MaestroSource(), RenderedPianoSource()))

    def score(self, data: TaskData, events: Mapping[str, EventList], *, tolerance_s: float) -> Scores:
        """Return the pooled scores, with the papers' means over pieces as measures such as `f1_mean`."""
        means = mean_over_recordings(
            ((recording.reference, events[recording.name]) for recording in data.test),
            channel_names=data.channel_names,
            tolerance_s=tolerance_s,
        )
        return replace(super().score(data, events, tolerance_s=tolerance_s), measures=means)
