"""Rendered drums: nothing to download, exact onsets, every recording another kit and another part."""

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

__all__ = ["RenderedDrums", "RenderedDrumsSource"]

RENDERING_VERSION = 1
DURATION_S = 20.0
NAMES = numbered_names(train=12, test=6)


class RenderedDrums(RenderedAudio):
    """A recording of a drummer with a band."""

    kind, version, length_s = "drums", RENDERING_VERSION, DURATION_S

    @property
    def style(self) -> str:
        """What is played: each part of the split goes through all styles in turn."""
        names, index = list(STYLES), int(self.name.split("_")[1])
        # Tests start elsewhere, so that few recordings do not mean the same few styles.
        return names[(index * 3 + (0 if self.name.startswith("train") else 4)) % len(names)]

    def part(self) -> DrumPart:
        """The strokes."""
        return draw_part(STYLES[self.style], duration_s=DURATION_S, rng=self._generator("part"))

    def load(self) -> tuple[NDArray[np.float32], int]:
        """Samples and rate in Hz."""
        kit = draw_kit(self._generator("kit"))
        mix = rendered_mix(self.part(), kit, duration_s=DURATION_S, rng=self._generator("mix"))
        return mix, RATE_HZ


class RenderedDrumsSource(RenderedSource[AudioRecording]):
    """Rendered drum recordings with a band: 12 to train on, 6 to score, 20 s each."""

    info = rendered_info(
        "drums and a band rendered on the spot, another kit and part in every recording", "new_kits"
    )
    names = NAMES

    def recording(self, name: str, seed: int) -> AudioRecording:
        """One performance."""
        return _recording(RenderedDrums(name, seed))


def _recording(audio: RenderedDrums) -> AudioRecording:
    """A rendered recording with its exact onsets, on the samples where the strokes start."""
    events: list[TimedClass] = [
        (round(stroke.time_s * RATE_HZ) / RATE_HZ, CHANNEL_OF_VOICE[stroke.voice])
        for stroke in audio.part().strokes
        if stroke.voice in CHANNEL_OF_VOICE
    ]
    reference = named_events(events, channel_names=DRUM_CHANNELS, duration_s=audio.duration_s)
    return AudioRecording(name=audio.name, group=audio.style, audio=audio, reference=reference)
