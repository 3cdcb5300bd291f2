"""Drum transcription: hi-hat, kick drum and snare drum onsets within 50 ms."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from softloc_core.losses import Ramp
from softloc_core.networks import REVIEWED_DRUM_NETWORKS, CompactNetwork, DrumConvLstm, NetworkBuilder
from softloc_core.tasks.base import STEADY_TRAINING, AudioTask
from softloc_core.tasks.drums.classes import DRUM_CHANNELS
from softloc_core.tasks.drums.enst import EnstSource, EnstWithMusicSource
from softloc_core.tasks.drums.idmt import IdmtSource
from softloc_core.tasks.drums.mdb import MdbSource
from softloc_core.tasks.drums.rendered import RenderedDrumsSource

__all__ = ["DrumTask"]

# Chosen by cross-validation within the training recordings; see docs/tasks/drums.md.
_COMPACT: Mapping[str, Any] = {
    "features": "log_mel_48",
    "alpha": Ramp(low=0.7, high=0.9, start=0.2, stop=0.9),
    "iterations": 2_200,
    "batch_size": 16,
    "learning_rate": 8e-3,
    "weight_averaging": 0.998,
    "gain_db": 6.0,
    "band_gain_db": 3.0,
}
# Defaults of each network.
_NETWORK_DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    "compact": _COMPACT,
    **dict.fromkeys(REVIEWED_DRUM_NETWORKS, _COMPACT),
    # Source: the SoftLoc paper's released code, drum experiment.
    "paper": {
        **STEADY_TRAINING,
        "features": "paper",
        "alpha": Ramp(low=0.2, high=0.9, start=1 / 3, stop=0.8),
        "iterations": 150_000,
        "batch_size": 32,
        "learning_rate": 1e-4,
    },
}


class DrumTask(AudioTask):
    """The drum task of the SoftLoc paper (section 5.1.2), on recorded or rendered drums."""

    name = "drums"
    description = "onsets of hi-hat, kick drum and snare drum in drum recordings"
    channel_names: tuple[str, ...] = DRUM_CHANNELS
    tolerance_s = 0.05
    networks: Mapping[str, NetworkBuilder] = {
        "compact": CompactNetwork,
        "paper": DrumConvLstm,
        **REVIEWED_DRUM_NETWORKS,
    }
    shared_defaults: Mapping[str, Any] = {"excerpt_s": 1.5}
    network_defaults = _NETWORK_DEFAULTS

    def __init__(self) -> None:
        super().__init__(
            (MdbSource(), IdmtSource(), EnstSource(), EnstWithMusicSource(), RenderedDrumsSource())
        )
