"""Rendered golf swings with exact events. Each clip has a different golfer and camera."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator

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

__all__ = ["BAND_NAMES", "RenderedGolfSource", "draw_swing"]

RENDERING_VERSION = 2
BAND_NAMES = ("hands_x", "hands_y", "club_x", "club_y", "hips_cos", "hips_sin", "club_speed")
# Angles at the eight events in degrees: arms from straight down, club relative to the arms, and hips.
_ARMS = (0.0, 40.0, 90.0, 165.0, 90.0, -5.0, -55.0, -165.0)
_WRISTS = (0.0, 50.0, 80.0, 95.0, 95.0, 5.0, -35.0, -90.0)
_HIPS = (0.0, 8.0, 22.0, 45.0, 10.0, -35.0, -60.0, -95.0)
# Frames between events in real time at 30 frames/s: medians of GolfDB's annotations.
_GAPS = (14.0, 5.0, 8.0, 4.0, 3.0, 2.0, 18.0)
_SLOW_MOTION = 3.5
# Frames before the address and after the finish. They vary by more than the length of a swing, so that the
# ends of a clip say little about its events.
_MARGIN_FRAMES = (20, 320)
_ARM_LENGTH, _CLUB_LENGTH = 0.65, 1.05
_PLANE_TILT = np.deg2rad(35.0)


class RenderedGolfSource(RenderedSource[SignalRecording]):
    """Swings of a stylised golfer tracked by a camera: 60 clips for training and 40 for testing."""

    info = rendered_info(
        "rendered golf swings, a different golfer and camera in each clip",
        "new_golfers_validated",
        "new_golfers",
    )
    names = numbered_names(train=60, test=40)

    def recording(self, name: str, seed: int) -> SignalRecording:
        """Return the recording with this name."""
        return _recording(name, seed)


def _recording(name: str, seed: int) -> SignalRecording:
    """Render a clip that is determined by its name and a seed."""
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


@dataclass(frozen=True, eq=False)
class TrackedSwing:
    """A tracked swing.

    Attributes:
        features: [frame, band] float32 with the bands of `BAND_NAMES`.
        event_frame: [8] ascending frames of the events.
    """

    features: NDArray[np.float32]
    event_frame: NDArray[np.int64]


@dataclass(frozen=True)
class _Camera:
    """Position of the camera relative to the golfer.

    Attributes:
        azimuth: Angle from face-on towards down-the-line in radians.
        scale: Size of the golfer in the picture.
        handedness: 1, or -1 for a mirrored swing.
    """

    azimuth: float
    scale: float
    handedness: int

    def seen(self, along: NDArray[np.float64], up: NDArray[np.float64]) -> NDArray[np.float64]:
        """Project points of the swing plane into the picture, [frame, (x, y)]."""
        depth = up * np.sin(_PLANE_TILT)
        x = self.handedness * (along * np.cos(self.azimuth) + depth * np.sin(self.azimuth))
        return self.scale * np.stack([x, up * np.cos(_PLANE_TILT)], axis=1)


def draw_swing(rng: Generator) -> TrackedSwing:
    """Draw a swing with random golfer, tempo and camera. Half of the swings are in slow motion."""
    camera = _Camera(
        azimuth=rng.choice([0.0, np.pi / 2, rng.uniform(0.0, np.pi / 2)]) + 0.1 * rng.standard_normal(),
        scale=rng.uniform(0.8, 1.2),
        handedness=1 if rng.random() < 0.9 else -1,
    )
    tempo = (_SLOW_MOTION if rng.random() < 0.5 else 1.0) * np.exp(0.15 * rng.standard_normal())
    gaps = np.array(_GAPS) * tempo * np.exp(0.15 * rng.standard_normal(len(_GAPS)))
    first = rng.integers(*_MARGIN_FRAMES)
    event_frame = first + np.concatenate([[0], np.cumsum(np.maximum(1, np.round(gaps)))]).astype(np.int64)
    n_frames = int(event_frame[-1] + rng.integers(*_MARGIN_FRAMES))
    arms, wrists, hips = (
        _angle(poses, event_frame, n_frames=n_frames, rng=rng) for poses in (_ARMS, _WRISTS, _HIPS)
    )
    wrists = wrists + _waggle(int(first), n_frames=n_frames, rng=rng)
    return TrackedSwing(_bands(arms, wrists, hips, camera=camera, rng=rng), event_frame)


def _angle(
    poses: tuple[float, ...], event_frame: NDArray[np.int64], *, n_frames: int, rng: Generator
) -> NDArray[np.float64]:
    """Interpolate an angle in radians: constant until the address, then through all poses."""
    own = np.array(poses) * np.exp(0.05 * rng.standard_normal()) + 3.0 * rng.standard_normal(len(poses))
    at_rest = own[-1] * rng.uniform(0.7, 1.0)
    frame = np.concatenate([[-1], event_frame, [n_frames]])
    degrees = PchipInterpolator(frame, np.concatenate([own[:1], own, [at_rest]]))(np.arange(n_frames))
    return np.asarray(np.deg2rad(degrees), dtype=np.float64)


def _waggle(address_frame: int, *, n_frames: int, rng: Generator) -> NDArray[np.float64]:
    """Draw small club movements that fade out before the address."""
    frame = np.arange(n_frames)
    before = np.clip((address_frame - frame) / 20.0, 0.0, 1.0)
    phase = 2 * np.pi * (frame / rng.uniform(15.0, 40.0) + rng.random())
    return np.asarray(rng.uniform(0.0, 0.25) * before * np.sin(phase))


def _bands(
    arms: NDArray[np.float64],
    wrists: NDArray[np.float64],
    hips: NDArray[np.float64],
    *,
    camera: _Camera,
    rng: Generator,
) -> NDArray[np.float32]:
    """Return the tracked bands with tracking errors, which are larger for a fast club."""
    hands = _ARM_LENGTH * np.stack([np.sin(arms), -np.cos(arms)])
    club = hands + _CLUB_LENGTH * np.stack([np.sin(arms + wrists), -np.cos(arms + wrists)])
    hands_seen, club_seen = camera.seen(*hands), camera.seen(*club)
    speed = np.linalg.norm(np.diff(club_seen, axis=0, prepend=club_seen[:1]), axis=1)
    club_seen = club_seen + (0.03 + 0.1 * speed[:, None]) * rng.standard_normal(club_seen.shape)
    hands_seen = hands_seen + 0.03 * rng.standard_normal(hands_seen.shape)
    turn = hips + camera.azimuth
    turned = np.stack([np.cos(turn), camera.handedness * np.sin(turn)], axis=1)
    turned = turned + 0.1 * rng.standard_normal(turned.shape)
    loudness = np.log(0.02 + speed) + 0.3 * rng.standard_normal(len(speed))
    return np.column_stack([hands_seen, club_seen, turned, loudness]).astype(np.float32)
