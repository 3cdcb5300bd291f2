"""Built-in golf and puff studies: the papers' settings reach the trials, and losses are paired."""

from collections import Counter
from pathlib import Path

import pytest

from softloc_core.losses import Constant, Ramp
from softloc_core.trial.run import TrialConfig
from sweeps.planning import load_data, make_planner
from sweeps.study import load_study

FRAME_S = 1 / 30


def configs(name: str, cache_dir: Path, *overrides: str) -> list[TrialConfig]:
    study = load_study(name, overrides=overrides)
    data = load_data(study, data_root=None, cache_dir=cache_dir)
    return [trial.config for trial in make_planner(study, data).all_trials()]


def test_the_golf_papers_settings_reach_the_trials(tmp_path: Path) -> None:
    trials = configs("golf_paper", tmp_path, "data=synthetic", "split=new_golfers", "space.fold={each: [0]}")
    assert len(trials) == 15
    noise_frames = sorted({round(config.label_noise_s / FRAME_S, 6) for config in trials})
    assert noise_frames == [0, 1, 2, 3, 4]
    for config in trials:
        assert (config.network, config.iterations, config.batch_size) == ("paper", 10_000, 22)
        assert config.excerpt_s == pytest.approx(64 * FRAME_S)
        assert (config.gradient_clip, config.weight_decay) == (float("inf"), 0.0)
        assert dict(config.noise_options)["step_s"] == pytest.approx(FRAME_S)
    rates = {config.loss: config.learning_rate for config in trials}
    assert rates == {"cross_entropy": 1e-3, "one_sided": 2e-4, "softloc": 2e-4}
    softloc = next(config for config in trials if config.loss == "softloc")
    assert softloc.alpha == Ramp(low=0.0, high=0.005, start=0.7, stop=0.9)
    assert softloc.softness_s == pytest.approx(5 * FRAME_S)
    assert dict(softloc.loss_options) == {"boundary": "zero", "combination": "additive", "reduction": "golf"}
    cross_entropy = next(config for config in trials if config.loss == "cross_entropy")
    assert dict(cross_entropy.loss_options)["event_weight"] == pytest.approx((1 / 8) / (1 / 35))


def test_the_puff_papers_settings_reach_the_trials(tmp_path: Path) -> None:
    trials = configs("puffs_paper", tmp_path, "data=synthetic")
    # Three losses, five levels, six people, ten replicates.
    assert len(trials) == 900
    assert {config.label_noise_s for config in trials} == {0, 1, 2, 3, 4}
    for config in trials:
        assert (config.network, config.iterations, config.batch_size) == ("paper", 10_001, 32)
        assert config.excerpt_s == 50
    rates = {config.loss: (config.learning_rate, config.gradient_clip) for config in trials}
    assert rates == {
        "cross_entropy": (1e-3, float("inf")),
        "one_sided": (2e-4, 5.0),
        "softloc": (1e-3, 5.0),
    }
    softloc = next(config for config in trials if config.loss == "softloc")
    assert (softloc.alpha, softloc.softness_s) == (Constant(0.95), 3.0)
    assert dict(softloc.loss_options)["reduction"] == "puffs"


@pytest.mark.parametrize("noise", ["binary", "skew_normal"])
def test_one_override_selects_another_noise_of_the_puff_paper(tmp_path: Path, noise: str) -> None:
    trials = configs("puffs_paper", tmp_path, "data=synthetic", f"fixed.noise={noise}")
    assert {config.noise for config in trials} == {noise}


@pytest.mark.parametrize(
    ("name", "overrides", "per_loss"),
    [
        ("quickstart_golf", (), 6),
        ("quickstart_puffs", (), 8),
        ("golf_losses", ("data=synthetic",), 15),
        ("puffs_losses", (), 72),
    ],
)
def test_studies_of_losses_pair_them(
    tmp_path: Path, name: str, overrides: tuple[str, ...], per_loss: int
) -> None:
    trials = configs(name, tmp_path, *overrides)
    assert set(Counter(config.loss for config in trials).values()) == {per_loss}
    assert min(config.label_noise_s for config in trials) == 0
