"""Stretches of walking: the motion of the lower back and the initial contacts of one reference system."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from softloc_core.events import EventList
from softloc_core.tasks.base import SignalRecording, array_key, generator_of

__all__ = [
    "FRONT_ENDS",
    "GAIT_CHANNELS",
    "RATE_HZ",
    "Stretch",
    "contact_runs",
    "cut_stretch",
    "gait_recording",
]

GAIT_CHANNELS = ("initial_contact",)
RATE_HZ = 100
FRONT_ENDS = ("imu_100",)
_GYR_SCALE = 50.0


@dataclass(frozen=True, eq=False)
class Stretch:
    """A stretch of walking with the contacts of one reference system.

    Attributes:
        name: Unique within its source.
        person: The person who walks.
        system: The reference system of the contacts.
        motion: [sample, (3 accelerations in g, 3 angular rates in degrees/s)] at 100 Hz.
        contact_s: [contact] initial contacts of both feet in seconds from the start of the stretch.
    """

    name: str
    person: str
    system: str
    motion: NDArray[np.float64]
    contact_s: NDArray[np.float64]


def contact_runs(contact_s: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    """Return the runs of three or more contacts with known times, [contact] in seconds each.

    A contact without a known time (NaN) ends a run, because a step without a label would be learned as a
    frame without an event. Runs of fewer contacts are left out, because `cut_stretch` cuts within the first
    and the last step.
    """
    placed = np.isfinite(contact_s)
    edges = np.flatnonzero(np.diff(placed, prepend=False, append=False))
    return [contact_s[first:last] for first, last in edges.reshape(-1, 2) if last - first > 2]


def cut_stretch(
    motion: NDArray[np.float64], contact_s: NDArray[np.float64], *, name: str, person: str, system: str
) -> Stretch:
    """Cut a stretch out of a run of contacts, starting and ending within a step.

    The stretch starts at a random time between the first two contacts and ends at a random time between the
    last two, drawn from its name. The ends therefore say nothing about the times of contacts, and every
    contact within the stretch is labelled. The first and the last contact of the run are lost.

    Args:
        motion: [sample, 6] of the whole trial.
        contact_s: [contact] three or more contacts of the run in seconds from the start of the trial, within
            the trial.
        name: Name of the stretch.
        person: The person who walks.
        system: The reference system of the contacts.

    Deliberate difference from Mobilise-D's evaluation of initial contacts: it scores whole bouts, which
    start and end with a contact. A detector that spaces contacts evenly over a bout, without seeing it, would
    score 0.4 to 0.6 then.
    """
    rng = generator_of("gait stretch", name)
    first_s, last_s = rng.uniform(contact_s[0], contact_s[1]), rng.uniform(contact_s[-2], contact_s[-1])
    first = min(math.ceil(first_s * RATE_HZ), len(motion) - 1)
    last = max(first + 1, math.ceil(last_s * RATE_HZ))
    return Stretch(name, person, system, motion[first:last], contact_s[1:-1] - first / RATE_HZ)


def gait_recording(stretch: Stretch) -> SignalRecording:
    """Return the stretch in the form that tasks read."""
    duration_s = len(stretch.motion) / RATE_HZ
    contact_s = np.clip(stretch.contact_s, 0.0, duration_s)
    return SignalRecording(
        name=stretch.name,
        group=stretch.person,
        hop_s=1 / RATE_HZ,
        features=partial(_imu_features, stretch.motion),
        content_key=array_key(stretch.motion),
        reference=EventList(contact_s, np.zeros(len(contact_s), dtype=np.int64), duration_s),
    )


def _imu_features(motion: NDArray[np.float64], front_end: str) -> NDArray[np.float32]:
    """Return accelerations in g and angular rates in units of 50 degrees/s, [frame, 6] float32, at 100 Hz."""
    assert front_end in FRONT_ENDS, "the task validates front ends"
    scaled = motion / np.array([1.0, 1.0, 1.0, _GYR_SCALE, _GYR_SCALE, _GYR_SCALE])
    return np.ascontiguousarray(scaled, dtype=np.float32)
