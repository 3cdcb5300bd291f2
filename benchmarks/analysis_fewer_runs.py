"""Compare the error of fewer runs with that of 210 uniformly random runs read by the paper's estimator.

    python benchmarks/analysis_fewer_runs.py [--repetitions 50] [--out build/fewer_runs.csv]
        [--designs sobol adaptive] [--estimators gaussian_process contour_process]

For each known surface, design and estimator, the benchmark computes the root mean squared error over the
whole surface, divided by that of 210 uniformly random runs and a Nadaraya-Watson estimate with a bandwidth
of 10 ms. It prints the mean over the repetitions. A value below 1 meets the goal. Rows are appended as they
are computed; a second call resumes where the first ended.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import qmc

from analysis.arrays import Array
from analysis.regression import Grid, fit_regression
from analysis.testing import KNOWN_SURFACES, SPACE_MS, simulated_f1, uniform_design
from sweeps.designs import AdaptiveDesign, Parameter

SETTINGS = ((52, 0.012), (105, 0.03))
ESTIMATORS = ("nadaraya_watson", "local_linear", "gaussian_process", "contour_process")
DESIGNS = ("random", "sobol", "latin_hypercube", "adaptive")
GRID = Grid(tuple(np.linspace(low, high, n) for (low, high), n in zip(SPACE_MS, (61, 41), strict=True)))
RANGE_MS = np.array([high for _, high in SPACE_MS])
WORKERS = 4


def rms(estimate: Array, surface: str) -> float:
    """Return the error over the whole surface."""
    return float(np.sqrt(np.mean((estimate - KNOWN_SURFACES[surface](*GRID.points().T)) ** 2)))


def adaptive_study(surface: str, n: int, noise_sd: float, seed: int) -> tuple[Array, Array]:
    """Return points and values of an adaptive study with four workers, whose results arrive together."""
    space = {
        "softness": Parameter("uniform", (0.0, RANGE_MS[0])),
        "label_noise": Parameter("uniform", (0.0, RANGE_MS[1])),
    }
    design, rng = AdaptiveDesign(space, seed=seed, budget=n), np.random.default_rng([seed, 1])
    points, values = [], []
    while batch := [point for point in (design.ask() for _ in range(WORKERS)) if point is not None]:
        at = np.array([[point["softness"], point["label_noise"]] for point in batch])
        results = simulated_f1(surface, at, noise_sd=noise_sd, rng=rng)
        for point, value in zip(batch, results, strict=True):
            design.tell(point, float(value))
        points.append(at)
        values.append(results)
    return np.concatenate(points), np.concatenate(values)


def study(design: str, surface: str, n: int, noise_sd: float, seed: int) -> tuple[Array, Array]:
    """Return points and values of one simulated study."""
    if design == "adaptive":
        return adaptive_study(surface, n, noise_sd, seed)
    rng = np.random.default_rng([seed, 2])
    if design == "random":
        points = uniform_design(n, rng)
    elif design == "sobol":
        points = qmc.Sobol(2, rng=seed).random_base2(7)[:n] * RANGE_MS
    else:
        points = qmc.LatinHypercube(2, rng=seed).random(n) * RANGE_MS
    return points, simulated_f1(surface, points, noise_sd=noise_sd, rng=rng)


def repetition(
    surface: str, n: int, noise_sd: float, seed: int, *, designs: Sequence[str], estimators: Sequence[str]
) -> pd.DataFrame:
    """Return the errors of designs and estimators in one repetition."""
    rng = np.random.default_rng([seed, 0])
    points = uniform_design(210, rng)
    values = simulated_f1(surface, points, noise_sd=noise_sd, rng=rng)
    reference = fit_regression(points, values, bandwidth=10.0)
    rows = [("random", "paper (210 runs)", rms(reference.predict(GRID), surface))]
    for design in designs:
        points, values = study(design, surface, n, noise_sd, seed)
        for estimator in estimators:
            fit = fit_regression(points, values, estimator=estimator)
            rows.append((design, estimator, rms(fit.predict(GRID), surface)))
    frame = pd.DataFrame(rows, columns=["design", "estimator", "error"])
    return frame.assign(surface=surface, n=n, noise_sd=noise_sd, seed=seed)


def table(errors: pd.DataFrame) -> str:
    """Return ratios to the paper's 210 runs as Markdown, one row per design and estimator."""
    lines = []
    for (n, noise_sd), part in errors.groupby(["n", "noise_sd"]):
        means = part.groupby(["design", "estimator", "surface"])["error"].mean().unstack()
        base = means.loc[("random", "paper (210 runs)")]
        surfaces = list(KNOWN_SURFACES)
        count = part["seed"].nunique()
        lines += [
            f"**{n} runs, noise {noise_sd:g} a run** ({count} repetitions; ratio to 210 random runs)",
            "",
        ]
        lines += [f"| design | estimator | {' | '.join(surfaces)} |", "|---|---|" + "---|" * len(surfaces)]
        cells = " | ".join(f"({base[name]:.4f})" for name in surfaces)
        lines.append(f"| random, 210 runs | Nadaraya-Watson, 10 ms | {cells} |")
        for design in DESIGNS:
            for estimator in ESTIMATORS:
                if (design, estimator) not in means.index:
                    continue
                ratios = means.loc[(design, estimator)] / base
                cells = " | ".join(f"{ratios[name]:.2f}" for name in surfaces)
                lines.append(f"| {design.replace('_', ' ')} | {estimator.replace('_', ' ')} | {cells} |")
        lines.append("")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repetitions", type=int, default=50)
    parser.add_argument("--out", type=Path, default=Path("build/fewer_runs.csv"))
    parser.add_argument("--designs", nargs="+", choices=DESIGNS, default=DESIGNS)
    parser.add_argument("--estimators", nargs="+", choices=ESTIMATORS, default=ESTIMATORS)
    options = parser.parse_args()
    options.out.parent.mkdir(parents=True, exist_ok=True)
    done = (
        pd.read_csv(options.out) if options.out.exists() else pd.DataFrame(columns=["seed", "surface", "n"])
    )
    keys = set(zip(done["seed"], done["surface"], done["n"], strict=True))
    for seed in range(options.repetitions):
        for n, noise_sd in SETTINGS:
            for surface in KNOWN_SURFACES:
                if (seed, surface, n) not in keys:
                    rows = repetition(
                        surface, n, noise_sd, seed, designs=options.designs, estimators=options.estimators
                    )
                    rows.to_csv(options.out, mode="a", header=not options.out.exists(), index=False)
    print(table(pd.read_csv(options.out)))


if __name__ == "__main__":
    main()
