"""Measure the speed of the surfaces and of statsmodels in one run.

    python benchmarks/analysis_speed.py

210 trials and 100 000 trials are estimated on a grid of 751 x 501, with leave-one-out bandwidths. The
KernelReg of statsmodels receives the same trials and bandwidth on a few points of the grid; its time is
extrapolated to the whole grid. Times are processor times, the best of three for 210 trials. Memory is the
peak of the process so far.
"""

from __future__ import annotations

import resource
import time
from collections.abc import Callable
from typing import TypeVar

import numpy as np
from statsmodels.nonparametric.kernel_regression import KernelReg

from analysis.regression import Grid, KernelRegression, select_bandwidth
from analysis.testing import SPACE_MS, simulated_f1, uniform_design

T = TypeVar("T")
GRID = Grid(tuple(np.linspace(low, high, n) for (low, high), n in zip(SPACE_MS, (751, 501), strict=True)))


def best_of(function: Callable[[], T], n: int) -> tuple[float, T]:
    """Return the shortest processor time in seconds and the last result."""
    times = []
    for _ in range(n):
        start = time.process_time()
        result = function()
        times.append(time.process_time() - start)
    return min(times), result


def statsmodels_time(fit: KernelRegression) -> float:
    """Return the extrapolated seconds of KernelReg for the whole grid; a few points must agree with ours."""
    at = GRID.points()[:: 1000 if len(fit.values) < 1000 else 20_000]
    kind = ("lc", "ll")[fit.degree]
    theirs = KernelReg(fit.values, fit.points, var_type="cc", reg_type=kind, bw=fit.bandwidth)
    seconds, (estimate, _) = best_of(lambda: theirs.fit(at), 1)
    np.testing.assert_allclose(fit.predict(at), estimate, atol=1e-6)
    return seconds * len(GRID.points()) / len(at)


def measure(n: int, degree: int, repeats: int) -> str:
    """Return one row of the table."""
    rng = np.random.default_rng(0)
    points = uniform_design(n, rng)
    values = simulated_f1("ridge", points, noise_sd=0.012, rng=rng)
    selecting, bandwidth = best_of(lambda: select_bandwidth(points, values, degree=degree), repeats)
    fit = KernelRegression(points, values, bandwidth=bandwidth, degree=degree, weights=np.ones(n))
    drawing, _ = best_of(lambda: fit.predict(GRID), repeats)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    theirs = statsmodels_time(fit)
    name = ("Nadaraya-Watson", "local linear")[degree]
    times = f"{selecting:.2f} | {drawing:.3f} | {theirs:.0f} | {theirs / drawing:.0f}"
    return f"| {n} | {name} | {times} | {memory:.2f} |"


def main() -> None:
    print(
        "| trials | estimator | bandwidths (s) | grid (s) | statsmodels grid (s) | ratio | peak memory (GB) |"
    )
    print("|---|---|---|---|---|---|---|")
    for n, repeats in ((210, 3), (100_000, 1)):
        for degree in (0, 1):
            print(measure(n, degree, repeats), flush=True)


if __name__ == "__main__":
    main()
