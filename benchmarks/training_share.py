"""Measure the share of a finished study's core time that was spent on training.

python benchmarks/training_share.py FOLDER [--cores N] [--pause-s 300]

Training time is the sum of `train_s`. Core time is the number of cores times the wall time from the start of
the first trial to the end of the last one. Breaks between two runs of the study, in which no trial ran for
longer than --pause-s, do not count. For a local study without breaks, a second figure also includes the start
of Ray and the storage of the last trial: the time from the writing of `study.yaml` to the last writing of
`status.json`.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from analysis.reading import load_results


@dataclass(frozen=True)
class Share:
    """Core time of a study and the part of it that was training.

    Attributes:
        trials: Number of completed trials.
        cores: Number of cores that trials could use.
        wall_s: Seconds from the start of the first trial to the end of the last one, without breaks.
        train_s: Core seconds of training, summed over the trials.
    """

    trials: int
    cores: float
    wall_s: float
    train_s: float

    @property
    def share(self) -> float:
        """Training time divided by core time."""
        return self.train_s / (self.cores * self.wall_s)


def training_share(
    trials: pd.DataFrame, *, cores: float | None, cores_per_trial: float, pause_s: float
) -> Share:
    """Return the share of completed trials; `cores` defaults to the largest number in use at once."""
    start = trials["started_at"].map(pd.Timestamp.timestamp).to_numpy(dtype=float)
    end = start + trials["train_s"].to_numpy(dtype=float)
    order = np.argsort(start)
    start, end = start[order], end[order]
    reached = np.maximum.accumulate(end)
    gaps = start[1:] - reached[:-1]
    wall_s = reached[-1] - start[0] - gaps[gaps > pause_s].sum()
    changes = sorted([(t, 1) for t in start] + [(t, -1) for t in end])
    most = int(np.max(np.cumsum([change for _, change in changes])))
    used = cores if cores is not None else most * cores_per_trial
    train_s = float(trials["train_s"].sum()) * cores_per_trial
    return Share(len(trials), used, float(wall_s), train_s)


def driver_s(folder: Path, found: Share) -> float | None:
    """Return the seconds from the driver's start to its last status, or None if they are not available."""
    files = [folder / name for name in ("study.yaml", "status.json")]
    if not all(path.is_file() for path in files):
        return None
    elapsed = files[1].stat().st_mtime - files[0].stat().st_mtime
    return elapsed if elapsed >= found.wall_s else None


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", nargs="?", default="runs/quickstart")
    parser.add_argument(
        "--cores", type=float, help="cores that trials could use (default: the most in use at once)"
    )
    parser.add_argument("--pause-s", type=float, default=300.0)
    options = parser.parse_args()
    if "://" not in options.folder and not Path(options.folder).is_dir():
        print(f"training share: no study in {options.folder} (run one, or pass its folder)")
        return
    study = load_results(options.folder)
    cpus = float((study.definition.get("resources") or {}).get("cpus", 1))
    found = training_share(
        study.completed, cores=options.cores, cores_per_trial=cpus, pause_s=options.pause_s
    )
    print(
        f"{study.name}: {found.trials} trials, {found.cores:g} cores, {found.wall_s:.0f} s from the start of "
        f"the first trial to the end of the last one, {found.train_s:.0f} core seconds of training: "
        f"{100 * found.share:.1f} % of the core time"
    )
    elapsed = driver_s(Path(options.folder), found)
    if elapsed is not None:
        print(f"including the start and end of the driver, {elapsed:.0f} s: "
              f"{100 * found.train_s / (found.cores * elapsed):.1f} %")  # fmt: skip


if __name__ == "__main__":
    main()
