"""Rendered drums: reproducible recordings with exact and audible onsets, hard enough to learn."""

import json
from pathlib import Path

import numpy as np
import pytest

from softloc_core.features import FRONT_ENDS
from softloc_core.tasks import TASKS, DataRequest, TaskData
from softloc_core.tasks.drums.kit import RATE_HZ, draw_kit
from softloc_core.tasks.drums.patterns import CHANNEL_OF_VOICE, STYLES, draw_part
from softloc_core.tasks.drums.rendered import (
    NAMES,
    RENDERING_VERSION,
    RenderedDrums,
    RenderedDrumsSource,
)
from softloc_core.trial import TrialConfig, run_trial


def _load(cache_dir: Path, *, split: str = "new_kits", fold: int = 0, seed: int = 0) -> TaskData:
    request = DataRequest("drums", "synthetic", split, fold=fold, features="log_mel_48", seed=seed)
    return TASKS.get("drums").load(request, data_root=None, cache_dir=cache_dir)


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> tuple[TaskData, Path]:
    """Load the whole source and return it with its feature cache."""
    cache_dir = tmp_path_factory.mktemp("cache")
    return _load(cache_dir), cache_dir


def test_a_recording_depends_on_its_name_and_the_seed_only() -> None:
    first, second = (RenderedDrums("train_03", seed=1).load()[0] for _ in range(2))
    np.testing.assert_array_equal(first, second)
    for other in (RenderedDrums("train_04", seed=1), RenderedDrums("train_03", seed=2)):
        assert not np.array_equal(first, other.load()[0])
        assert other.content_key != RenderedDrums("train_03", seed=1).content_key


def test_rendering_is_unchanged_for_this_version() -> None:
    """Feature caches and trials depend on the version, so every change of the sound must increase it."""
    golden = json.loads((Path(__file__).parent / "golden_rendered_drums.json").read_text())
    assert golden["rendering_version"] == RENDERING_VERSION, "write a golden file for the new version"
    names = list(golden["recordings"])
    for recording in RenderedDrumsSource().scan(None, names=names, seed=golden["seed"]).recordings:
        expected = golden["recordings"][recording.name]
        bands_db = FRONT_ENDS["log_mel_48"](*recording.audio.load()).mean(axis=0)
        assert recording.group == expected["style"]
        assert np.bincount(recording.reference.channel).tolist() == expected["n_events"]
        np.testing.assert_allclose(recording.reference.time_s[:8], expected["first_onsets_s"], atol=1e-6)
        found_db = bands_db.reshape(6, 8).mean(axis=1)
        # Results may differ between machines in the last bits, but not by more than 0.02 dB.
        np.testing.assert_allclose(found_db, expected["mean_db_of_each_8_bands"], atol=0.02)


def test_samples_are_in_range() -> None:
    samples, rate_hz = RenderedDrums("test_00", seed=0).load()
    assert (rate_hz, samples.shape, samples.dtype) == (44_100, (20 * 44_100,), np.float32)
    assert 0.3 < np.abs(samples).max() <= 1.0
    assert np.isfinite(samples).all()


def test_cached_recordings_are_not_rendered_again(
    rendered: tuple[TaskData, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: RenderedDrums) -> None:
        raise AssertionError("rendered again")

    data, cache_dir = rendered
    monkeypatch.setattr(RenderedDrums, "load", fail)
    again = _load(cache_dir)
    assert again.fingerprint == data.fingerprint
    assert _load(cache_dir, split="train_cv").fingerprint != data.fingerprint


def test_every_recording_is_different_and_has_all_classes(rendered: tuple[TaskData, Path]) -> None:
    data, _ = rendered
    assert ([len(part) for part in (data.train, data.validation, data.test)]) == [12, 0, 6]
    recordings = (*data.train, *data.test)
    assert len({tuple(recording.reference.time_s) for recording in recordings}) == 18
    for recording in recordings:
        assert (np.bincount(recording.reference.channel, minlength=3) >= 5).all()
        assert recording.features.shape == (2001, 48)
        for channel in range(3):
            assert (np.diff(recording.reference.channel_time_s(channel)) > 0.04).all()


def test_strokes_are_audible_at_their_onsets(rendered: tuple[TaskData, Path]) -> None:
    """Features rise more at the annotated frames than three frames before or six frames after."""
    data, _ = rendered
    for recording in (*data.train, *data.test):
        rise = np.maximum(np.diff(recording.features, axis=0, prepend=recording.features[:1]), 0).mean(axis=1)
        frames = recording.grid.to_frames(recording.reference.time_s)
        at, before, after = (rise[np.minimum(frames + shift, 2000)].mean() for shift in (0, -3, 6))
        assert at > 1.5 * before and at > 1.5 * after


def test_a_stroke_sounds_from_its_first_milliseconds() -> None:
    rng = np.random.default_rng(0)
    for _ in range(5):
        kit = draw_kit(rng)
        for voice in (*CHANNEL_OF_VOICE, "crash", "ride", "low_tom", "high_tom", "cowbell", "clap"):
            sound = kit.stroke(voice, 0.8, rng)
            assert np.isfinite(sound).all() and sound[-1] == 0
            # The sound reaches a quarter of its peak energy within 8 ms, a sixth of the tolerance.
            energy = np.add.reduceat(sound**2, np.arange(0, len(sound), 44))
            assert np.argmax(energy > 0.25 * energy.max()) <= 8


def test_a_harder_stroke_is_louder() -> None:
    kit = draw_kit(np.random.default_rng(1))
    for voice in CHANNEL_OF_VOICE:
        soft, hard = (np.sum(kit.stroke(voice, v, np.random.default_rng(2)) ** 2) for v in (0.3, 0.9))
        assert hard > 3 * soft


@pytest.mark.parametrize("style", STYLES.values(), ids=STYLES)
def test_parts_are_playable(style) -> None:
    part = draw_part(style, duration_s=20.0, rng=np.random.default_rng(3))
    times = [stroke.time_s for stroke in part.strokes]
    assert times == sorted(times) and times[0] >= 0 and times[-1] < 19.75
    assert all(0 < stroke.velocity <= 1 for stroke in part.strokes)
    for channel in ("HH", "KD", "SD"):
        mine = [stroke.time_s for stroke in part.strokes if CHANNEL_OF_VOICE.get(stroke.voice) == channel]
        assert len(mine) >= 5 and np.diff(mine).min() >= 0.045


def test_onsets_are_at_the_samples_where_strokes_start() -> None:
    (recording,) = RenderedDrumsSource().scan(None, names=["train_00"], seed=0).recordings
    audio = recording.audio
    assert isinstance(audio, RenderedDrums)
    expected = [
        round(stroke.time_s * RATE_HZ) for stroke in audio.part().strokes if stroke.voice in CHANNEL_OF_VOICE
    ]
    found = recording.reference.time_s * RATE_HZ
    np.testing.assert_allclose(found, np.round(found), atol=1e-6)
    assert sorted(np.round(found).astype(int)) == sorted(expected)


def test_training_and_test_recordings_cover_many_styles() -> None:
    assert len({RenderedDrums(name, 0).style for name in NAMES.train}) == len(STYLES)
    assert len({RenderedDrums(name, 0).style for name in NAMES.test}) == len(NAMES.test)


def test_folds_never_include_test_recordings() -> None:
    request = DataRequest("drums", "synthetic", "train_cv", fold=1, features="log_mel_48", seed=0)
    split = RenderedDrumsSource().split(request, None)
    assert set(split.all) == set(NAMES.train) and len(split.test) == 4


@pytest.mark.slow
def test_a_trained_network_is_good_but_not_perfect_for_each_class(tmp_path: Path) -> None:
    drums = TASKS.get("drums")
    named = {
        "data": "synthetic",
        "split": "new_kits",
        "loss": "softloc",
        "seed": 0,
        "replicate": 0,
        "noise_draw": 0,
        "threads": 1,
    }
    config = TrialConfig(**{**drums.defaults("compact"), **named})
    data = drums.load(config.data_request(), data_root=None, cache_dir=tmp_path)
    scores = run_trial(config, data).scores
    assert 0.8 < scores.f1 < 0.97
    for name, f1 in scores.f1_per_class.items():
        assert 0.75 < f1 < 0.98, name
