"""Log how far two reference systems of the same walk disagree.

python docs/scripts/gait_references.py path/to/mobgap
"""

from __future__ import annotations

import logging
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from softloc_core.tasks.gait import WalkingTrial, read_trials

WINDOW_S = 0.3


def differences_s(trial: WalkingTrial) -> NDArray[np.float64]:
    """Return INDIP minus Stereophoto in seconds, for contacts that are each other's nearest."""
    indip, stereophoto = (
        np.sort(np.concatenate([np.empty(0), *trial.bouts.get(system, [])]))
        for system in ("indip", "stereophoto")
    )
    indip, stereophoto = indip[np.isfinite(indip)], stereophoto[np.isfinite(stereophoto)]
    if not len(indip) or not len(stereophoto):
        return np.empty(0)
    distance_s = indip[:, None] - stereophoto
    nearest = np.abs(distance_s).argmin(axis=1)
    mutual = np.abs(distance_s).argmin(axis=0)[nearest] == np.arange(len(indip))
    pair_s = distance_s[np.arange(len(indip)), nearest]
    return np.asarray(pair_s[mutual & (np.abs(pair_s) <= WINDOW_S)])


def summary(difference_s: NDArray[np.float64]) -> str:
    """Return mean, spread and quantiles in milliseconds, as text."""
    low, median, high = (1e3 * q for q in np.quantile(difference_s, [0.05, 0.5, 0.95]))
    mean, sd = 1e3 * difference_s.mean(), 1e3 * difference_s.std(ddof=1)
    within = np.mean(np.abs(difference_s) <= 0.05 + 1e-9)
    return (
        f"{len(difference_s)} pairs, mean {mean:+.1f} ms, s.d. {sd:.1f} ms, median {median:+.0f} ms, "
        f"5 % to 95 % {low:+.0f} to {high:+.0f} ms, {within:.0%} within 50 ms"
    )


def main(data_root: Path) -> None:
    """Log the disagreement of each trial and of all trials together."""
    every = []
    for path in sorted(data_root.glob("*/*/data.mat")):
        for trial in read_trials(path)[0]:
            found = differences_s(trial)
            every.append(found)
            if len(found) > 1:
                logging.info("%s %s: %s", path.parent.name, trial.name, summary(found))
    logging.info("all: %s", summary(np.concatenate(every)))


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    main(Path(sys.argv[1]))
