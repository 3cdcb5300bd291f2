"""Rendered drum recordings with exact onsets. Each one has a different kit and a different part."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from softloc_core.tasks.base import (
    AudioRecording,
    RenderedAudio,
    RenderedSource,
    TimedClass,
    named_events,
    numbered_names,
    rendered_info,
)
from softloc_core.tasks.drums.classes import DRUM_CHANNELS
from softloc_core.tasks.drums.kit import RATE_HZ, draw_kit
from softloc_core.tasks.drums.mix import rendered_mix
from softloc_core.tasks.drums.patterns import CHANNEL_OF_VOICE, STYLES, DrumPart, draw_part

__all__ = ["NAMES", "RENDERING_VERSION", "RenderedDrums", "RenderedDrumsSource"]

RENDERING_VERSION = 1
DURATION_S = 20.0
NAMES = numbered_names(train=12, test=6)


class RenderedDrums(RenderedAudio):
    """A rendered recording of a drummer with a band."""

    kind, version, length_s = "drums", RENDERING_VERSION, DURATION_S

    @property
    def style(self) -> str:
        """The style of the part. The recordings of each split part cycle through all styles."""
        names, index = list(STYLES), int(self.name.split("_")[1])
        # Test recordings start at another style, so that a few recordings of each part differ in style.
        return names[(index * 3 + (0 if self.name.startswith("train") else 4)) % len(names)]

    def part(self) -> DrumPart:
        """Draw the strokes."""
        return draw_part(STYLES[self.style], duration_s=DURATION_S, rng=self._generator("part"))

    def load(self) -> tuple[NDArray[np.float32], int]:
        """Render the recording and return its samples and its sampling rate in Hz."""
        kit = draw_kit(self._generator("kit"))
        mix = rendered_mix(self.part(), kit, duration_s=DURATION_S, rng=self._generator("mix"))
        return mix, RATE_HZ


class RenderedDrumsSource(RenderedSource[AudioRecording]):
    """Rendered drum recordings with a band: 12 for training and 6 for testing, 20 s each."""

    info = rendered_info(
        "rendered drums with a band, a different kit and part in each recording",
        "new_kits_validated",
        "new_kits",
    )
    names = NAMES

    def recording(self, name: str, seed: int) -> AudioRecording:
        """Return the recording with this name."""
        return _recording(RenderedDrums(name, seed))


def _recording(audio: RenderedDrums) -> AudioRecording:
    """Return a recording with its exact onsets, at the samples where the strokes start."""
    events: list[TimedClass] = [
        (round(stroke.time_s * RATE_HZ) / RATE_HZ, CHANNEL_OF_VOICE[stroke.voice])
        for stroke in audio.part().strokes
        if stroke.voice in CHANNEL_OF_VOICE
    ]
    reference = named_events(events, channel_names=DRUM_CHANNELS, duration_s=audio.duration_s)
    return AudioRecording(name=audio.name, group=audio.style, audio=audio, reference=reference)
