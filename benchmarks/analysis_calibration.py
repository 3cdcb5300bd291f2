"""Measure how often a 90 % band contains the truth, on 200 simulated studies of known surfaces.

    python benchmarks/analysis_calibration.py [--studies 200]

Each study draws 210 uniformly random trials from one of the five known surfaces. Half of the studies have
noise 0.012 per run, the other half 0.03. The benchmark prints the share of the surface that is within the
pointwise band, where the surface has support.
"""

from __future__ import annotations

import argparse

import numpy as np
import pandas as pd

from analysis.regression import ESTIMATORS, Grid, fit_regression, pointwise_band, simultaneous_band
from analysis.testing import KNOWN_SURFACES, SPACE_MS, simulated_f1, uniform_design

GRID = Grid(tuple(np.linspace(low, high, n) for (low, high), n in zip(SPACE_MS, (31, 21), strict=True)))
NOISES = (0.012, 0.03)
N_TRIALS = 210


def coverage(surface: str, noise_sd: float, seed: int) -> list[dict[str, object]]:
    """Return the share of the surface within the bands for every estimator."""
    rng = np.random.default_rng([seed, 3])
    points = uniform_design(N_TRIALS, rng)
    values = simulated_f1(surface, points, noise_sd=noise_sd, rng=rng)
    truth = KNOWN_SURFACES[surface](*GRID.points().T)
    rows = []
    for estimator in ESTIMATORS:
        fit = fit_regression(points, values, estimator=estimator)
        seen = fit.support(GRID) >= 1.0
        row: dict[str, object] = {"estimator": estimator, "surface": surface}
        bands = {"pointwise": pointwise_band(fit, GRID), "simultaneous": simultaneous_band(fit, GRID)}
        for name, band in bands.items():
            inside = (band.low <= truth) & (truth <= band.high)
            row[name] = float(inside[seen].mean())
            row[f"{name}_all"] = bool(inside[seen].all())
        row["width"] = float((band.high - band.low)[seen].mean())
        rows.append(row)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=200)
    n_studies = parser.parse_args().studies
    names = list(KNOWN_SURFACES)
    rows = []
    for index in range(n_studies):
        rows += coverage(names[index % len(names)], NOISES[(index // len(names)) % 2], index)
    found = pd.DataFrame(rows)
    pointwise = found.pivot_table(index="estimator", columns="surface", values="pointwise")[names]
    pointwise["all"] = found.groupby("estimator")["pointwise"].mean()
    pointwise["simultaneous"] = found.groupby("estimator")["simultaneous_all"].mean()
    print(f"Share of the surface within the pointwise 90 % band, {n_studies} studies of {N_TRIALS} trials;")
    print("last column: studies whose whole surface is within the simultaneous 90 % band.\n")
    print(
        f"| estimator | {' | '.join(map(str, pointwise.columns))} |\n|---|" + "---|" * len(pointwise.columns)
    )
    for estimator, row in pointwise.loc[list(ESTIMATORS)].iterrows():
        cells = " | ".join(f"{value:.3f}" for value in row)
        print(f"| {str(estimator).replace('_', ' ')} | {cells} |")


if __name__ == "__main__":
    main()
