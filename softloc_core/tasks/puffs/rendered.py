"""Rendered features of the breaths of smokers, with exact puffs. Each person is different."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from softloc_core.tasks.base import (
    DataRequest,
    RenderedSource,
    SignalRecording,
    SourceInfo,
    SplitNames,
    generator_of,
)
from softloc_core.tasks.puffs.puff_marker import N_PEOPLE, SPLITS, breath_recording, leave_one_out

__all__ = ["RenderedPuffsSource"]

RENDERING_VERSION = 1
N_SESSIONS = 5
_N_BANDS = 37
_N_RESPIRATION = 19
# The state of a breath, of which all bands are mixtures: depth, slow exhalation, hand near the mouth.
_N_STATES = 3
_PEOPLE = {
    f"person_{person}": [f"person_{person}_session_{session:02d}" for session in range(N_SESSIONS)]
    for person in range(N_PEOPLE)
}


class RenderedPuffsSource(RenderedSource[SignalRecording]):
    """Six people with five sessions of 60 to 120 breaths each and one cigarette per session."""

    info = SourceInfo(
        name="synthetic",
        description="rendered features of the breaths of six smokers",
        splits=SPLITS,
        needs_data_root=False,
    )

    @property
    def every_name(self) -> tuple[str, ...]:
        """The names of all sessions."""
        return tuple(name for sessions in _PEOPLE.values() for name in sessions)

    def split(self, request: DataRequest, data_root: Path | None) -> SplitNames:
        """Return a fold over the people; see `leave_one_out`."""
        return leave_one_out(_PEOPLE, request)

    def recording(self, name: str, seed: int) -> SignalRecording:
        """Return the recording with this name."""
        return _session(name, seed)


def _session(name: str, seed: int) -> SignalRecording:
    """Render a session that is determined by its name and a seed."""
    person = name.split("_session_")[0]
    rng = _generator(f"{seed} {name}")
    n_breaths = int(rng.integers(60, 121))
    puff = _puffs(n_breaths, rng)
    state = _states(n_breaths, puff, rng)
    features = state @ _mixing(person, seed) + _offsets(person, seed)
    features = features + rng.standard_normal(features.shape)
    return breath_recording(name, person, features.astype(np.float32), puff)


def _generator(purpose: str) -> Generator:
    """Return the random generator for one purpose."""
    return generator_of("puffs", RENDERING_VERSION, purpose)


def _puffs(n_breaths: int, rng: Generator) -> NDArray[np.int64]:
    """Draw the indices of the puffs: 8 to 14 puffs that are 2 to 7 breaths apart, anywhere in the session."""
    steps = np.cumsum(rng.integers(2, 8, size=rng.integers(8, 15)))
    first = rng.integers(3, max(4, n_breaths - int(steps[-1]) - 2))
    puff = first + steps - steps[0]
    return np.asarray(puff[puff < n_breaths - 1], dtype=np.int64)


def _states(n_breaths: int, puff: NDArray[np.int64], rng: Generator) -> NDArray[np.float64]:
    """Draw the state of each breath, [breath, state], including states that resemble a puff.

    The hand is often near the mouth one breath before or after a puff. A sip or a bite raises the hand
    without a deep breath, and a sigh is deep without the hand.
    """
    state = 0.5 * rng.standard_normal((n_breaths, _N_STATES))
    strength = np.exp(0.25 * rng.standard_normal(len(puff)))
    state[puff] += strength[:, None] * np.array([1.6, 1.6, 2.0])
    for shift in (-1, 1):
        neighbour = puff + shift
        state[neighbour, 2] += rng.uniform(0.0, 1.2, size=len(puff))
    state[puff + 1, 1] += 0.6 * strength
    resting = np.setdiff1d(np.arange(n_breaths), puff)
    for chance, kind in ((0.06, (0.2, -0.3, 2.0)), (0.05, (1.6, 1.0, 0.0))):
        chosen = resting[rng.random(len(resting)) < chance]
        state[chosen] += np.array(kind)
    return state


def _mixing(person: str, seed: int) -> NDArray[np.float64]:
    """Draw the mixing of states into bands, [state, band], with a shared and an individual part."""
    common = _generator("mixing").standard_normal((_N_STATES, _N_BANDS))
    own = _generator(f"mixing {seed} {person}").standard_normal((_N_STATES, _N_BANDS))
    mixing = 0.5 * common + 0.2 * own
    # Depth and exhalation affect the respiration bands, the hand affects the wrist bands.
    mixing[:2, _N_RESPIRATION:] = 0.0
    mixing[2, :_N_RESPIRATION] = 0.0
    return mixing


def _offsets(person: str, seed: int) -> NDArray[np.float64]:
    """Draw the offset of each band of a person, [band]."""
    return 0.7 * _generator(f"offsets {seed} {person}").standard_normal(_N_BANDS)
