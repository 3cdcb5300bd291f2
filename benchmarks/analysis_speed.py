"""Speed of the kernel surfaces, compared with statsmodels in the same run.

    python benchmarks/analysis_speed.py

The grid has 751 x 501 points, the studies have 210 and 100 000 trials, and the bandwidths are chosen by
leave-one-out cross validation. KernelReg of statsmodels gets the same trials and bandwidths at a few points
of the grid, and its time is scaled to the whole grid. Times are processor times (the best of three for 210
trials). The memory is the peak of the process so far.
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
    """Return the shortest processor time in seconds, and the last result."""
    times = []
    for _ in range(n):
        start = time.process_time()
        result = function()
        times.append(time.process_time() - start)
    return min(times), result


def statsmodels_time(fit: KernelRegression) -> float:
    """Return KernelReg's time for the whole grid, extrapolated from a few points, where both must agree."""
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
