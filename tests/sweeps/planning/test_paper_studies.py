"""Built-in studies with the papers' settings: these reach the trials, and one step of each study runs.

The settings come from the papers and their released code. The numbers here were read from there separately.
"""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch

from softloc_core.decoding import DECODERS, LocalMass, PeakPicking
from softloc_core.events import EventList, SegmentList
from softloc_core.features.front_ends import FRONT_ENDS
from softloc_core.inference.voting import VOTES
from softloc_core.losses import Ramp
from softloc_core.tasks import TASKS, DataRequest, Recording, TaskData
from softloc_core.trial.run import TrialConfig, run_trial, trial_detector
from sweeps.planning import Planner, load_data, make_planner
from sweeps.planning.data import data_requests
from sweeps.study import load_study, shipped_studies

EMBEDDED = {
    "drums": ("data=synthetic",),
    "piano": ("data=synthetic",),
    "golf": ("data=synthetic", "split=new_golfers", "space.fold={each: [0]}"),
    "puffs": ("data=synthetic",),
    "segmentation": ("data=synthetic", "split=new_videos", "fold=0"),
    "digits": ("data=embedded",),
}
PAPER_STUDIES = sorted(name for name in shipped_studies() if name.endswith("_paper"))
# Number of features for tasks without sound: video frames, breaths, segmentation scores, 32 x 32 windows.
BANDS = {"golf": 1280, "puffs": 37, "segmentation": 52, "digits": 1024}


@cache
def made_up(request: DataRequest) -> TaskData:
    """Return a short stretch of noise with a few events, as wide as the task's features."""
    task = TASKS.get(request.task)
    audio = request.features in FRONT_ENDS
    hop_s = FRONT_ENDS[request.features].hop_s if audio else {"golf": 1 / 30}.get(request.task, 1.0)
    n_bands = FRONT_ENDS[request.features].n_features if audio else BANDS[request.task]
    names = task.sources[request.source].channel_names or task.channel_names
    rng = np.random.default_rng(0)
    n_frames = 90 if audio else 128
    recordings = []
    for name in ("train", "validation", "test"):
        features = rng.normal(-40, 5, (n_frames, n_bands)).astype(np.float32)
        time_s = np.linspace(0.1, 0.9, len(names)) * n_frames * hop_s
        kind = SegmentList.from_starts if request.task == "segmentation" else EventList
        events = kind(time_s, np.arange(len(names)), n_frames * hop_s)
        recordings.append(Recording(name, name, features, hop_s, events, events))
    one = dict(zip(("train", "validation", "test"), ([r] for r in recordings), strict=True))
    parts = {name: tuple(part) for name, part in one.items()}
    return TaskData(request.task, request.source, names, hop_s, **parts, fingerprint="made up")


def planner_of(name: str, *overrides: str) -> Planner:
    study = load_study(name, overrides=overrides)
    return make_planner(study, {request: made_up(request) for request in data_requests(study)})


def configs(name: str, *overrides: str) -> list[TrialConfig]:
    return [trial.config for trial in planner_of(name, *overrides).all_trials()]


def tiny(config: TrialConfig) -> TrialConfig:
    """Shorten a trial to two steps of two short excerpts and three versions."""
    excerpt_s = min(config.excerpt_s, 40 * made_up(config.data_request()).hop_s)
    options = dict(config.ensemble_options)
    if options:
        options |= {"rates": 3, "overlap_s": excerpt_s / 2}
    return replace(
        config,
        iterations=2,
        batch_size=2,
        excerpt_s=excerpt_s,
        ensemble_options=tuple(sorted(options.items())),
    )


def one_of_each_loss(name: str, *overrides: str) -> list[TrialConfig]:
    return list({config.loss: config for config in configs(name, *overrides)}.values())


def test_every_experiment_of_the_papers_has_a_study() -> None:
    experiments = {"digits", "drums", "golf", "piano", "piano_counts", "puffs", "segmentation"}
    assert {name.removesuffix("_paper") for name in PAPER_STUDIES} == experiments


@pytest.mark.parametrize("name", PAPER_STUDIES)
def test_every_study_of_the_papers_can_be_planned(name: str) -> None:
    planner = planner_of(name)
    planner.check()
    assert len(planner.all_trials()) >= 1
    assert all(config.network.startswith("paper") for config in configs(name)[:20])


@pytest.mark.parametrize("name", [name for name in PAPER_STUDIES if name != "digits_paper"])
def test_one_training_step_of_each_study_runs(name: str) -> None:
    """Run a whole trial on noise: augmentation, training, ensemble, decoding and scoring.

    VGG-13 takes too long here; it is among the slow ones below.
    """
    torch.set_num_threads(1)
    task = load_study(name, overrides=()).task
    for config in one_of_each_loss(name, *EMBEDDED[task])[:: 3 if task == "piano" else 1]:
        result = run_trial(tiny(config), made_up(config.data_request()))
        assert len(result.history) and math.isfinite(result.history[-1].loss)
        assert 0 <= result.scores.f1 <= 1


@pytest.mark.slow
@pytest.mark.parametrize("name", PAPER_STUDIES)
def test_one_training_step_of_each_study_runs_on_the_embedded_source(name: str, tmp_path: Path) -> None:
    """Run a whole trial on recordings that the source renders, with sound cut to a few seconds."""
    torch.set_num_threads(1)
    study = load_study(name, overrides=EMBEDDED[load_study(name, overrides=()).task])
    data = load_data(study, data_root=None, cache_dir=tmp_path)
    for config in {
        trial.config.loss: trial.config for trial in make_planner(study, data).all_trials()
    }.values():
        loaded = data[config.data_request()]
        cut = replace(loaded, train=loaded.train[:2], test=tuple(_cut(r) for r in loaded.test[:1]))
        result = run_trial(replace(config, iterations=2, batch_size=2), cut)
        assert math.isfinite(result.history[-1].loss) and 0 <= result.scores.f1 <= 1


def _cut(recording: Recording) -> Recording:
    """Return the first six seconds of a sound recording, and other recordings unchanged."""
    if recording.hop_s > 0.01:
        return recording
    n_frames = round(6 / recording.hop_s)
    kept = recording.reference.time_s < 6
    events = EventList(recording.reference.time_s[kept], recording.reference.channel[kept], 6.0)
    return replace(recording, features=recording.features[:n_frames], reference=events, label=events)


def test_the_drum_papers_settings_reach_the_trials() -> None:
    trials = configs("drums_paper")
    assert len(trials) == 210 and {config.loss for config in trials} == {"softloc"}
    assert max(config.softness_s for config in trials) > 0.14
    assert 0.09 < max(config.label_noise_s for config in trials) <= 0.1
    for config in trials:
        assert (config.iterations, config.batch_size, config.learning_rate) == (150_000, 32, 1e-4)
        assert (config.excerpt_s, config.gradient_clip, config.features) == (1.5, 10.0, "paper")
        # 30 000 to 130 000 of a line, held at 0.2 and 0.9.
        assert config.alpha == Ramp(low=0.2, high=0.9, start=50_000 / 150_000, stop=120_000 / 150_000)
        assert (config.rate_centre - config.rate_variation, config.rate_share) == (0.875, 0.9)
        assert config.stacking == 0
    detector = trial_detector(trials[0], hop_s=0.005)
    assert detector.decoder == DECODERS["local_mass_paper_drums"] == LocalMass(mass=0.5, window_s=0.045)
    ours, theirs = detector.ensemble.vote(hop_s=0.005), VOTES["paper_drums"]
    assert replace(ours, mass=0) == pytest.approx(replace(theirs, mass=0))
    assert ours.mass == pytest.approx(0.25, rel=0.01)
    assert detector.ensemble.advance_frames(300, hop_s=0.005) == 100
    assert detector.ensemble.speeds[0] == 0.875 and len(detector.ensemble.speeds) == 7


def test_the_piano_papers_settings_reach_the_trials() -> None:
    trials = configs("piano_paper")
    assert len(trials) == 4 * 5
    for config in trials:
        assert (config.iterations, config.batch_size, config.learning_rate) == (160_000, 32, 3e-4)
        assert (config.rate_share, config.stacking) == (pytest.approx(3 / 7), pytest.approx(3 / 7))
        low, high = (config.rate_centre + sign * config.rate_variation for sign in (-1, 1))
        assert (low, high) == (0.75, 1.0)
    softloc = next(config for config in trials if config.loss == "softloc")
    # alpha is 0.2 until a rise of 1e-5 per step from step 100 000 exceeds it; training ends at step 160 000.
    assert softloc.alpha == Ramp(low=0.2, high=0.6, start=120_000 / 160_000, stop=1.0)
    assert softloc.softness_s == 0.1
    detector = trial_detector(softloc, hop_s=0.005)
    assert detector.decoder == LocalMass(mass=0.35, window_s=0.1)
    ours, theirs = detector.ensemble.vote(hop_s=0.005), VOTES["paper_piano"]
    assert replace(ours, mass=0) == pytest.approx(replace(theirs, mass=0))
    assert ours.mass == pytest.approx(0.14, rel=0.01)
    one_sided = next(config for config in trials if config.loss == "one_sided")
    detector = trial_detector(one_sided, hop_s=0.005)
    assert isinstance(detector.decoder, PeakPicking) and detector.decoder.relative_height == 0.35
    assert not detector.ensemble.votes


def test_the_count_papers_piano_settings_reach_the_trials() -> None:
    [config] = configs("piano_counts_paper")
    assert (config.loss, config.iterations, config.learning_rate) == ("count", 500_000, 1e-4)
    detector = trial_detector(config, hop_s=0.005)
    ours, theirs = detector.ensemble.vote(hop_s=0.005), VOTES["loco_piano"]
    assert replace(ours, mass=0) == pytest.approx(replace(theirs, mass=0))
    assert ours.mass == pytest.approx(0.08, rel=0.01)


def test_the_segmentation_papers_settings_reach_the_trials() -> None:
    trials = configs("segmentation_paper")
    # Three losses, five delays, ten replicates of five folds.
    assert len(trials) == 3 * 5 * 50
    assert {config.label_noise_s for config in trials} == {0, 5, 10, 15, 20}
    assert {config.softness_s for config in trials if config.loss != "cross_entropy"} == {7.0}
    assert {config.noise for config in trials} == {"sequence_shift"}


def test_the_digit_papers_settings_reach_the_trials() -> None:
    [config] = configs("digits_paper")
    assert (config.loss, config.network, config.features) == ("count", "paper", "hilbert")
