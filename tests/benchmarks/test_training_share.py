"""The share of the core time spent on training, for studies with a known share."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import pandas as pd
import pytest

from tests.benchmark_scripts import load_benchmark


@pytest.fixture(scope="module")
def benchmark() -> ModuleType:
    return load_benchmark("training_share")


def trials(*spans: tuple[float, float]) -> pd.DataFrame:
    begin = pd.to_datetime([start for start, _ in spans], unit="s", utc=True)
    return pd.DataFrame({"started_at": begin, "train_s": [end - start for start, end in spans]})


@pytest.mark.parametrize(
    ("spans", "cores", "wall_s", "share"),
    [
        ([(0, 10), (0, 10)], 2, 10, 1.0),
        ([(0, 10), (0, 5)], 2, 10, 0.75),
        ([(0, 9), (10, 19)], 1, 19, 18 / 19),
        # An hour between two runs of the study does not count.
        ([(0, 10), (3610, 3620)], 1, 20, 1.0),
        # There is no pause while a trial runs on another core.
        ([(0, 1000), (0, 10), (990, 1000)], 2, 1000, 1020 / 2000),
    ],
)
def test_shares_of_known_studies(
    benchmark: ModuleType, spans: list[tuple[float, float]], cores: float, wall_s: float, share: float
) -> None:
    found = benchmark.training_share(trials(*spans), cores=None, cores_per_trial=1.0, pause_s=300.0)
    assert (found.trials, found.cores) == (len(spans), cores)
    assert found.wall_s == pytest.approx(wall_s)
    assert found.share == pytest.approx(share)


def test_unused_cores_count_if_they_are_given(benchmark: ModuleType) -> None:
    found = benchmark.training_share(trials((0, 10)), cores=4, cores_per_trial=1.0, pause_s=300.0)
    assert found.share == pytest.approx(0.25)


def test_trials_of_two_cores_use_both(benchmark: ModuleType) -> None:
    found = benchmark.training_share(trials((0, 10)), cores=None, cores_per_trial=2.0, pause_s=300.0)
    assert (found.cores, found.share) == (2.0, 1.0)


def test_a_missing_study_is_reported(benchmark: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path,
                          capsys: pytest.CaptureFixture[str]) -> None:  # fmt: skip
    monkeypatch.setattr(sys, "argv", ["training_share.py", str(tmp_path / "none")])
    benchmark.main()
    assert "no study in" in capsys.readouterr().out
