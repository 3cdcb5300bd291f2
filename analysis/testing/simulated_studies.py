"""Simulated studies in memory whose truth is known, to measure how often an interval contains it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis.arrays import Array
from analysis.reading import StoredStudy
from analysis.testing.known_surfaces import SPACE_MS

__all__ = ["SimulatedDesign", "simulated_study"]

_DEFINITION = {
    "name": "simulated",
    "space": {
        "softness": {"uniform": [f"{low:g}ms" for low in SPACE_MS[0]]},
        "label_noise": {"uniform": [f"{low:g}ms" for low in SPACE_MS[1]]},
    },
}


@dataclass(frozen=True)
class SimulatedDesign:
    """The settings of a simulated study, common to its losses.

    Attributes:
        n_points: Number of settings of each loss.
        replicates: Number of trials at each setting.
        is_grid: Whether settings are the crossings of four levels of label noise with as many levels of
            softness as there are points for. Otherwise they are uniformly random.
        noise_sd: Standard deviation of a trial around the mean, given the draw of wrong labels.
        draw_sd: Standard deviation of the effect of a draw of wrong labels, common to all trials on it.
        own_draws: Whether each setting has its own draw of wrong labels. Otherwise all settings share that of
            their replicate.
    """

    n_points: int
    replicates: int = 1
    is_grid: bool = False
    noise_sd: float = 0.03
    draw_sd: float = 0.0
    own_draws: bool = True

    def points_ms(self, rng: np.random.Generator) -> Array:
        """Return the settings, [point, (softness, noise)] in ms."""
        low, high = np.array(SPACE_MS).T
        if not self.is_grid:
            return rng.uniform(low, high, (self.n_points, 2))
        softness = np.linspace(low[0], high[0], self.n_points // 4)
        noise = np.linspace(low[1], high[1], 4)
        return np.stack([part.ravel() for part in np.meshgrid(softness, noise)], axis=1)


def simulated_study(
    truths: Mapping[str, Callable[[Array, Array], Array]],
    design: SimulatedDesign,
    *,
    rng: np.random.Generator,
) -> StoredStudy:
    """Return a study of losses with known means.

    Args:
        truths: The mean over softness and label noise in ms, by loss. All losses have the same settings.
        design: Settings and noise.
        rng: Source of all randomness.
    """
    points = design.points_ms(rng)
    setting = np.repeat(np.arange(len(points)), design.replicates)
    replicate = np.tile(np.arange(design.replicates), len(points))
    draw = setting + 1 if design.own_draws else np.zeros_like(setting)
    effect = rng.normal(0.0, 1.0, (len(points) + 1, design.replicates))
    common = effect[draw, 0 if design.own_draws else replicate]
    parts = []
    for loss, truth in truths.items():
        softness_ms, noise_ms = points[setting].T
        mean = truth(softness_ms, noise_ms) + design.draw_sd * common
        parts.append(
            pd.DataFrame(
                {
                    "trial_id": [f"{loss}-{index:05d}" for index in range(len(setting))],
                    "status": "completed",
                    "task": "drums",
                    "loss": loss,
                    "softness_s": softness_ms / 1000.0,
                    "label_noise_s": noise_ms / 1000.0,
                    "seed": 0,
                    "replicate": replicate,
                    "noise_draw": draw,
                    "f1": mean + rng.normal(0.0, design.noise_sd, len(setting)),
                }
            )
        )
    return StoredStudy("simulated", "simulated", pd.concat(parts, ignore_index=True), _DEFINITION)
