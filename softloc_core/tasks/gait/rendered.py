"""Rendered walking: a lower-back sensor, exact contacts, and a second, inaccurate reference system."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from softloc_core.tasks.base import (
    DataRequest,
    RenderedSource,
    SignalRecording,
    SplitNames,
    generator_of,
    numbered_names,
    rendered_info,
)
from softloc_core.tasks.gait.stretches import RATE_HZ, Stretch, gait_recording

__all__ = ["SENSORS_LATE_S", "SENSORS_SCATTER_S", "SPLITS", "RenderedGaitSource", "rendered_stretch"]

RENDERING_VERSION = 2
DURATION_S = 40.0
PERSONS = numbered_names(train=6, validation=2, test=4)
SYSTEMS = ("mat", "sensors")
SENSORS_LATE_S, SENSORS_SCATTER_S = 0.03, 0.04
# Reference systems for training and for testing, by split.
SPLITS = {
    "mat": ("mat", "mat"),
    "sensors": ("sensors", "sensors"),
    "mat_to_sensors": ("mat", "sensors"),
    "sensors_to_mat": ("sensors", "mat"),
}


def rendered_stretch(person: str, system: str, *, seed: int) -> Stretch:
    """Render 40 s of walking, determined by person and seed, with the contacts of one system.

    Contacts of `mat` are exact. Contacts of `sensors` are 30 ms late with a standard deviation of 40 ms. One
    in ten is late by up to another 0.2 s. Real pairs of reference systems disagree in a similar way.

    The person walks before the recording starts and after it ends, so the ends say nothing about the times of
    contacts. A contact that a system places outside the recording has no label.
    """
    rng = _generator(seed, person, "walk")
    contact_s = _draw_contacts(rng)
    motion = _motion(contact_s, rng)
    if system == "sensors":
        own = _generator(seed, person, "sensors")
        far_s = np.where(own.random(len(contact_s)) < 0.1, own.uniform(0.0, 0.2, len(contact_s)), 0.0)
        contact_s = contact_s + SENSORS_LATE_S + own.normal(0.0, SENSORS_SCATTER_S, len(contact_s)) + far_s
        contact_s = np.sort(contact_s)
    inside = (contact_s >= 0) & (contact_s < DURATION_S)
    return Stretch(f"{person} {system}", person, system, motion, contact_s[inside])


def _generator(seed: int, person: str, purpose: str) -> np.random.Generator:
    """Return the random generator for one purpose. It does not depend on the system."""
    return generator_of("gait", RENDERING_VERSION, seed, person, purpose)


def _draw_contacts(rng: np.random.Generator) -> NDArray[np.float64]:
    """Draw the initial contacts in seconds, with individual step times and occasional hesitations.

    The walk starts up to four steps before the recording and ends after it.
    """
    step_s, limp = rng.uniform(0.48, 0.68), rng.uniform(-0.06, 0.06)
    times, time_s = [], -step_s * rng.uniform(3.0, 4.0)
    while time_s < DURATION_S + 2 * step_s:
        times.append(time_s)
        side = 1 if len(times) % 2 else -1
        turn_s = rng.uniform(0.15, 0.9) if rng.random() < 0.06 else 0.0
        time_s += step_s * (1 + side * limp + 0.04 * rng.standard_normal()) + turn_s
    return np.array(times)


def _motion(contact_s: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    """Render the motion, [sample, 6]: accelerations in g and angular rates in degrees/s at 100 Hz.

    Each contact causes an upward and backward jolt of random strength, which rings down, and a swing of the
    pelvis to the side of the foot.
    """
    n_samples = round(DURATION_S * RATE_HZ)
    time_s = np.arange(n_samples) / RATE_HZ
    motion = np.zeros((n_samples, 6))
    jolt, ring_hz, lag_s = rng.uniform(0.2, 0.5), rng.uniform(5.0, 9.0), rng.uniform(0.0, 0.03)
    sway, roll = rng.uniform(0.05, 0.15), rng.uniform(10.0, 30.0)
    for index, at_s in enumerate(contact_s):
        after_s = time_s - at_s - lag_s
        strength = jolt * rng.uniform(0.6, 1.4)
        ring = np.exp(-np.clip(after_s, 0, None) / 0.07) * np.cos(2 * np.pi * ring_hz * after_s)
        rise = np.exp(-0.5 * (np.clip(-after_s, 0, None) / 0.025) ** 2)
        shock = strength * np.where(after_s >= 0, ring, rise)
        swing = np.exp(-0.5 * ((after_s - 0.2) / 0.13) ** 2)
        side = 1.0 if index % 2 else -1.0
        motion += np.outer(shock, [1.0, 0.15 * side, -0.6, 8.0, -25.0, 6.0 * side])
        motion += np.outer(swing, [-0.12, sway * side, 0.1, roll * side, 15.0, -roll * side])
    motion[:, 0] += 0.95
    return motion @ _tilt(rng) + rng.normal(0.0, [0.03, 0.03, 0.03, 3.0, 3.0, 3.0], motion.shape)


def _tilt(rng: np.random.Generator) -> NDArray[np.float64]:
    """Draw the rotation of a sensor that is up to 20 degrees from upright, for accelerations and rates.

    The range is limited because six training persons cannot cover rare angles, on which a network fails.
    """
    angle = np.deg2rad(rng.uniform(-20.0, 20.0))
    turn = np.array([[np.cos(angle), 0, -np.sin(angle)], [0, 1, 0], [np.sin(angle), 0, np.cos(angle)]])
    tilt: NDArray[np.float64] = np.kron(np.eye(2), turn)
    return tilt


def _names(persons: tuple[str, ...], system: str) -> tuple[str, ...]:
    return tuple(f"{person} {system}" for person in persons)


def _with_systems(train: str, test: str) -> SplitNames:
    """Return the split with one system for training and validation, and another for testing."""
    return SplitNames(
        _names(PERSONS.train, train), _names(PERSONS.validation, train), _names(PERSONS.test, test)
    )


class RenderedGaitSource(RenderedSource[SignalRecording]):
    """Rendered walking with two reference systems: 6 persons to train on, 2 to validate, 4 to test."""

    info = rendered_info(
        "rendered walking, a different person in each recording, two reference systems", *SPLITS
    )
    names = _with_systems("mat", "mat")

    @property
    def every_name(self) -> tuple[str, ...]:
        """The names of all recordings: all persons with one system, then with the other."""
        return tuple(name for system in SYSTEMS for name in _names(PERSONS.all, system))

    def split(self, request: DataRequest, data_root: Path | None) -> SplitNames:
        """Return the split for the systems in its name, or a fold of `train_cv`.

        Validation uses the system of the training part, because whoever trains on its contacts has no
        others. `train_cv` is a cross-validation within the training
        persons with contacts of `mat`.
        """
        if request.split in SPLITS:
            return _with_systems(*SPLITS[request.split])
        return super().split(request, data_root)

    def recording(self, name: str, seed: int) -> SignalRecording:
        """Return the recording with this name."""
        return gait_recording(rendered_stretch(*name.split(), seed=seed))
