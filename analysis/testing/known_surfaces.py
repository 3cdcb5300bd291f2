"""Simulated studies whose truth is known, to test an estimator or a design before spending compute on it.

Softness ranges from 0 to 150 ms and label noise from 0 to 100 ms. The five surfaces are difficult in
different
ways: a diagonal edge, a narrow ridge, a plateau with one bad corner, a wave everywhere, and the shape that
the SoftLoc paper reports.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import ArrayLike

from analysis.arrays import Array

__all__ = ["KNOWN_SURFACES", "SPACE_MS", "simulated_f1", "uniform_design"]

SPACE_MS = ((0.0, 150.0), (0.0, 100.0))


def _cliff(softness_ms: Array, noise_ms: Array) -> Array:
    return np.asarray(0.25 + 0.62 / (1.0 + np.exp((noise_ms - 30.0 - 0.3 * softness_ms) / 7.0)))


def _ridge(softness_ms: Array, noise_ms: Array) -> Array:
    away = (softness_ms - 25.0 - 0.8 * noise_ms) / 30.0
    return np.asarray(0.72 - 0.001 * noise_ms + 0.16 * np.exp(-0.5 * away**2))


def _plateau(softness_ms: Array, noise_ms: Array) -> Array:
    corner = 1.0 / (1.0 + np.exp((softness_ms - 45.0) / 8.0)) / (1.0 + np.exp((60.0 - noise_ms) / 8.0))
    return np.asarray(0.87 - 0.25 * corner)


def _wave(softness_ms: Array, noise_ms: Array) -> Array:
    return np.asarray(0.75 + 0.06 * np.sin(softness_ms / 18.0) * np.cos(noise_ms / 16.0))


def _paper(softness_ms: Array, noise_ms: Array) -> Array:
    too_sharp = 1.0 / (1.0 + np.exp((softness_ms - 0.8 * noise_ms + 5.0) / 10.0))
    too_soft = np.maximum(softness_ms - 110.0, 0.0) / 40.0
    return np.asarray(0.955 - 0.0002 * noise_ms - 0.09 * too_sharp - 0.012 * too_soft**2)


KNOWN_SURFACES: Mapping[str, Callable[[Array, Array], Array]] = {
    "cliff": _cliff,
    "ridge": _ridge,
    "plateau": _plateau,
    "wave": _wave,
    "paper": _paper,
}


def uniform_design(n: int, rng: np.random.Generator) -> Array:
    """Return `n` settings uniformly at random, [trial, (softness, noise)] in ms."""
    low, high = np.array(SPACE_MS).T
    return rng.uniform(low, high, (n, 2))


def simulated_f1(surface: str, points_ms: ArrayLike, *, noise_sd: float, rng: np.random.Generator) -> Array:
    """Return the F1 of one trial at each point: the surface plus Gaussian noise."""
    points = np.asarray(points_ms, dtype=np.float64)
    return KNOWN_SURFACES[surface](points[:, 0], points[:, 1]) + rng.normal(0.0, noise_sd, len(points))
