"""Localization of digits in pictures, learned from their counts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from softloc_core.decoding import AUTO_DECODING
from softloc_core.errors import ConfigError
from softloc_core.events import EventList
from softloc_core.losses import Ramp
from softloc_core.metrics import Objects, Scores, score_pictures
from softloc_core.networks import CompactWindows, NetworkBuilder, VggWindows
from softloc_core.tasks.base import STEADY_TRAINING, DataRequest, RecordingReader, SourceTask, TaskData
from softloc_core.tasks.digits.canvases import HOP_S, Canvas, PictureRecording, curve_of, windows
from softloc_core.tasks.digits.curves import CURVES
from softloc_core.tasks.digits.images import FIELD_PX
from softloc_core.tasks.digits.sources import embedded_source, mnist_source

__all__ = ["FRONT_ENDS", "DigitTask"]

FRONT_ENDS = (*CURVES, *(f"{curve}_half" for curve in CURVES))
# Defaults that differ from `COMMON_DEFAULTS` for all networks.
_DEFAULTS: Mapping[str, Any] = {
    # The counts of a canvas do not depend on the positions of labels.
    "softness_s": 2.0,
    # Excerpts are whole canvases.
    "excerpt_s": 1e3,
    "alpha": Ramp(low=0.5, high=0.9, start=0.2, stop=0.9),
}
_NETWORK_DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    # Chosen for a CPU after two short trials on training canvases, without tuning.
    "compact": {
        "features": "hilbert_half",
        "iterations": 900,
        "batch_size": 8,
        "learning_rate": 5e-3,
        "weight_averaging": 0.98,
    },
    # The papers do not state the training of this experiment. These are the settings of their drum network.
    "paper": {
        **STEADY_TRAINING,
        "features": "hilbert",
        "iterations": 100_000,
        "batch_size": 32,
        "learning_rate": 1e-4,
    },
}


class DigitTask(SourceTask[Canvas]):
    """The digit experiment of the LoCo paper (section 8): localization learned from counts.

    A picture becomes a sequence of windows along a space-filling curve. Each digit is an event at the step
    whose window centre is nearest to it. The count loss uses only the number of events. Losses that use the
    times of events represent full supervision.
    """

    name = "digits"
    description = "handwritten digits in pictures, learned from their counts"
    channel_names: tuple[str, ...] = tuple("0123456789")
    tolerance_s = HOP_S
    time_unit = "frames"  # a frame is a position in a picture
    scores_events_alone = False
    auto_decoding: Mapping[str, str] = {
        **AUTO_DECODING,
        "point": "local_mass_steps",
        "frame": "local_mass_steps",
    }
    rates_vary = False
    networks: Mapping[str, NetworkBuilder] = {"compact": CompactWindows, "paper": VggWindows}
    shared_defaults = _DEFAULTS
    network_defaults = _NETWORK_DEFAULTS

    def __init__(self) -> None:
        super().__init__((mnist_source(), embedded_source()))

    def _reader(self, request: DataRequest, cache_dir: Path) -> RecordingReader[Canvas]:
        if request.features not in FRONT_ENDS:
            raise ConfigError(
                f"`features` must be one of {', '.join(FRONT_ENDS)}, but got {request.features}"
            )
        return _CanvasReader(request.features)

    def score(self, data: TaskData, events: Mapping[str, EventList], *, tolerance_s: float) -> Scores:
        """Score the positions of digits in the picture. `tolerance_s` is not used."""
        pairs = []
        for recording in data.test:
            assert isinstance(recording, PictureRecording)
            reference, estimated = recording.reference, events[recording.name]
            true = Objects(reference.channel, recording.event_px, reference.time_s / HOP_S)
            step = estimated.time_s / HOP_S
            pairs.append((true, Objects(estimated.channel, recording.places(step), step)))
        return score_pictures(pairs, channel_names=data.channel_names, reach_px=FIELD_PX / 2)


class _CanvasReader(RecordingReader[Canvas]):
    def __init__(self, features: str) -> None:
        self._features = features

    def recording(self, found: Canvas) -> PictureRecording:
        curve = curve_of(self._features)
        reference, event_px = found.along(curve)
        features = windows(found.pixel, self._features)
        features.setflags(write=False)
        return PictureRecording(
            name=found.name,
            group=found.group,
            features=features,
            hop_s=HOP_S,
            reference=reference,
            label=reference,
            frame_px=CURVES[curve].centre_px(found.pixel.shape[0]),
            event_px=event_px,
        )

    def key(self, found: Canvas) -> str:
        return f"{found.content_key} {self._features}"
