"""Measure how often the 95 % intervals of `recommend` and `compare` contain the truth, on simulated studies.

    python benchmarks/analysis_intervals.py [--studies 60] [--designs "16 random" "64 random"]

Each study has two losses with known means: SoftLoc, whose softness is chosen on the trials, and cross
entropy, which has no softness and the mean of SoftLoc at 75 ms. The noise of a trial is 0.03. The columns:

* recommend: share of the intervals of the score at the recommended softness that contain the true mean there,
  at five noise levels;
* bias: mean error of that score;
* compare: share of the intervals of the difference that contain the true one at the chosen softness, at
  five noise levels;
* better: share of these intervals that are above the truth, that is, of false claims that SoftLoc is better.

The last rows have an effect of the draw of wrong labels that is as large as the noise.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd

from analysis import compare_losses
from analysis.answers import recommend_levels
from analysis.arrays import Array
from analysis.reading import StoredStudy
from analysis.testing import KNOWN_SURFACES, SimulatedDesign, simulated_study

NOISE_MS = (10.0, 30.0, 50.0, 70.0, 90.0)
PLAIN_SOFTNESS_MS = 75.0


def flat(softness_ms: Array, noise_ms: Array) -> Array:
    """Return a mean that falls with the noise and does not depend on the softness."""
    return np.asarray(0.8 - 0.001 * noise_ms + 0.0 * softness_ms)


SURFACES: Mapping[str, Callable[[Array, Array], Array]] = {
    "flat": flat,
    "ridge": KNOWN_SURFACES["ridge"],
    "paper": KNOWN_SURFACES["paper"],
}
DESIGNS: Mapping[str, SimulatedDesign] = {
    "16 random": SimulatedDesign(16),
    "16 random, 3 replicates": SimulatedDesign(16, replicates=3),
    "grid 6 x 4": SimulatedDesign(24, is_grid=True),
    "grid 6 x 4, 3 replicates": SimulatedDesign(24, is_grid=True, replicates=3),
    "64 random": SimulatedDesign(64),
    "210 random": SimulatedDesign(210),
    "64 random, own draws": SimulatedDesign(64, draw_sd=0.03),
    "grid 4 x 4, 3 common draws": SimulatedDesign(
        16, is_grid=True, replicates=3, draw_sd=0.03, own_draws=False
    ),
    "grid 4 x 4, 8 common draws": SimulatedDesign(
        16, is_grid=True, replicates=8, draw_sd=0.03, own_draws=False
    ),
}


def coverage(
    truth: Callable[[Array, Array], Array], design: SimulatedDesign, *, seed: int
) -> dict[str, float]:
    """Return the shares of one study, see above."""

    def plain(softness_ms: Array, noise_ms: Array) -> Array:
        return truth(np.full_like(softness_ms, PLAIN_SOFTNESS_MS), noise_ms)

    rng = np.random.default_rng([seed, design.n_points, design.replicates])
    study = simulated_study({"softloc": truth, "cross_entropy": plain}, design, rng=rng)
    return {**_recommended(study, truth), **_compared(study, truth, plain)}


def _recommended(study: StoredStudy, truth: Callable[[Array, Array], Array]) -> dict[str, float]:
    rows = []
    for found in recommend_levels(study, [noise_ms / 1000 for noise_ms in NOISE_MS]):
        (choice,) = [one for one in found.choices if one.name == "softloc"]
        assert choice.softness is not None
        mean = float(truth(np.array(choice.softness.value), np.array(found.noise)))
        rows.append((choice.value.low <= mean <= choice.value.high, choice.value.value - mean))
    inside, error = np.mean(rows, axis=0)
    return {"recommend": float(inside), "bias": float(error)}


def _compared(
    study: StoredStudy, truth: Callable[[Array, Array], Array], plain: Callable[[Array, Array], Array]
) -> dict[str, float]:
    found = compare_losses(study)
    noise_ms = found.differences["noise_ms"].to_numpy()
    softness_ms = np.full_like(noise_ms, found.summary.set_index("loss").loc["softloc", "softness_ms"])
    difference = truth(softness_ms, noise_ms) - plain(softness_ms, noise_ms)
    low, high = found.differences["difference_low"], found.differences["difference_high"]
    inside = (low <= difference) & (difference <= high)
    return {"compare": float(inside.mean()), "better": float((low > difference).mean())}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=60, help="studies of each design and surface")
    parser.add_argument("--designs", nargs="+", default=list(DESIGNS), choices=list(DESIGNS))
    options = parser.parse_args()
    names = ["recommend", "bias", "compare", "better"]
    print(f"| design | surface | {' | '.join(names)} |\n|---|---|" + "---|" * len(names))
    for design in options.designs:
        for surface, truth in SURFACES.items():
            studies = [coverage(truth, DESIGNS[design], seed=seed) for seed in range(options.studies)]
            cells = [f"{value:.3f}" for value in pd.DataFrame(studies)[names].mean()]
            print(f"| {design} | {surface} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
