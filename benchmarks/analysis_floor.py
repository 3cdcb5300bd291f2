"""Compute the floor of a single kernel: the smallest error for any length scales, direction and noise.

    python benchmarks/analysis_floor.py

On Sobol points of each known surface, a Gaussian process receives the hyperparameters that minimise its
true error (bias and noise, over the whole surface). No estimator with a single kernel of this kind can do
better, however it chooses them. The benchmark prints ratios to the error of 210 uniformly random runs read
by a Nadaraya-Watson estimate with a bandwidth of 10 ms (20 repetitions), for three Sobol designs.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from analysis_fewer_runs import SETTINGS
from scipy.optimize import minimize
from scipy.stats import qmc

from analysis.arrays import Array
from analysis.regression import KERNELS, Grid, fit_regression
from analysis.testing import KNOWN_SURFACES, SPACE_MS, simulated_f1, uniform_design

GRID = Grid(tuple(np.linspace(low, high, n) for (low, high), n in zip(SPACE_MS, (31, 21), strict=True)))
RANGE_MS = np.array([high for _, high in SPACE_MS])
REPETITIONS, N_DESIGNS, MOST_TRIES = 20, 3, 160


def smoother(setting: Array, kernel: str, trials: Array, at: Array) -> Array:
    """Return the weights [point, trial] of a process with a constant mean.

    Args:
        setting: Logarithms of two length scales, the direction (two numbers, or none), and the logarithm of
            the ratio of noise variance to signal variance.
        kernel: One of `KERNELS`.
        trials: Places of the trials as shares of the ranges, [trial, 2].
        at: Places to estimate, likewise, [point, 2].
    """

    def embedded(places: Array) -> Array:
        scaled = places * np.exp(-setting[:2])
        return scaled if len(setting) == 3 else np.hstack([scaled, (places @ setting[2:4])[:, None]])

    def covariance(first: Array, second: Array) -> Array:
        one, two = embedded(first), embedded(second)
        squared = (one**2).sum(axis=1)[:, None] + (two**2).sum(axis=1) - 2 * one @ two.T
        return np.asarray(KERNELS[kernel](np.maximum(squared, 0.0))[0])

    inverse = np.linalg.inv(covariance(trials, trials) + np.exp(setting[-1]) * np.eye(len(trials)))
    ones = inverse.sum(axis=1)
    across = covariance(at, trials)
    return np.asarray(across @ inverse + np.outer(1 - across @ ones, ones) / ones.sum())


def least_error(surface: str, n: int, noise_sd: float, *, directional: bool) -> float:
    """Return the root mean squared error with the best hyperparameters of the best kernel."""
    truth, at = KNOWN_SURFACES[surface], GRID.points() / RANGE_MS
    expected = truth(*GRID.points().T)
    designs = [qmc.Sobol(2, rng=seed).random_base2(7)[:n] for seed in range(N_DESIGNS)]

    def error(setting: Array, kernel: str) -> float:
        total = 0.0
        for points in designs:
            shares = smoother(setting, kernel, points, at)
            bias = shares @ truth(*(points * RANGE_MS).T) - expected
            total += float(np.sqrt(np.mean(bias**2) + noise_sd**2 * np.mean((shares**2).sum(axis=1))))
        return total / len(designs)

    directions: Sequence[list[float]] = [[2.0, -2.0], [4.0, -1.5], [2.0, 2.0]] if directional else [[]]
    starts = [np.array([np.log(0.5), np.log(0.5), *one, -3.0]) for one in directions]
    options = {"maxfev": MOST_TRIES, "xatol": 0.02, "fatol": 1e-6}
    return min(
        float(minimize(error, start, args=(kernel,), method="Nelder-Mead", options=options).fun)
        for kernel in ("matern", "squared_exponential")
        for start in starts
    )


def base_error(surface: str, noise_sd: float) -> float:
    """Return the mean error of 210 random runs read by the paper's estimator."""
    errors = []
    for seed in range(REPETITIONS):
        rng = np.random.default_rng([seed, 0])
        points = uniform_design(210, rng)
        values = simulated_f1(surface, points, noise_sd=noise_sd, rng=rng)
        estimate = fit_regression(points, values, bandwidth=10.0).predict(GRID)
        errors.append(np.sqrt(np.mean((estimate - KNOWN_SURFACES[surface](*GRID.points().T)) ** 2)))
    return float(np.mean(errors))


def main() -> None:
    print(f"| runs, noise | floor | {' | '.join(KNOWN_SURFACES)} |")
    print("|---|---|" + "---|" * len(KNOWN_SURFACES))
    for n, noise_sd in SETTINGS:
        base = {surface: base_error(surface, noise_sd) for surface in KNOWN_SURFACES}
        for directional, name in ((False, "no direction"), (True, "with a direction")):
            ratios = [
                least_error(surface, n, noise_sd, directional=directional) / base[surface]
                for surface in KNOWN_SURFACES
            ]
            cells = " | ".join(f"{ratio:.2f}" for ratio in ratios)
            print(f"| {n}, {noise_sd:g} | {name} | {cells} |", flush=True)


if __name__ == "__main__":
    main()
