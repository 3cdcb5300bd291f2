"""Front ends against librosa and a plain loop; the cache against every way of losing a file."""

import dataclasses
import logging
from pathlib import Path

import librosa
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from softloc_core.errors import ConfigError
from softloc_core.events import EventList, FrameGrid
from softloc_core.features import FRONT_ENDS, FeatureCache, FrontEnd, front_end, mel_filters

LOG_MEL_48, PAPER = FRONT_ENDS["log_mel_48"], FRONT_ENDS["paper"]
BOTH = pytest.mark.parametrize("preset", FRONT_ENDS.values(), ids=FRONT_ENDS)


class Noise:
    """An audio source that counts how often it is loaded."""

    def __init__(self, seed: int = 0, *, seconds: float = 0.5, rate_hz: int = 44_100) -> None:
        self.content_key, self.duration_s, self.rate_hz = f"noise {seed} {rate_hz}", seconds, rate_hz
        self.n_loads = 0
        self._samples = 0.1 * np.random.default_rng(seed).standard_normal(round(seconds * rate_hz))

    def load(self) -> tuple[NDArray[np.float32], int]:
        self.n_loads += 1
        return self._samples.astype(np.float32), self.rate_hz


def test_log_mel_48_is_librosas() -> None:
    samples, rate_hz = Noise(seconds=1.0).load()
    spectrum = librosa.stft(samples.astype(np.float64), n_fft=2048, hop_length=441, pad_mode="constant")
    filters = librosa.filters.mel(
        sr=rate_hz, n_fft=2048, n_mels=48, fmin=30.0, fmax=16_000.0, dtype=np.float64
    )
    power = filters @ np.abs(spectrum) ** 2
    expected = 10 * np.log10(np.maximum(power, 1e-8)).T
    # Float32 storage of values near 10.
    np.testing.assert_allclose(LOG_MEL_48(samples, rate_hz), expected, atol=1e-4)


def test_paper_frames_equal_a_plain_loop() -> None:
    samples, rate_hz = Noise(seconds=0.2).load()
    found = PAPER(samples, rate_hz)
    emphasised = np.append(samples[:1], samples[1:] - 0.97 * samples[:-1].astype(np.float64))
    for frame in (10, 11, 30):
        start = int(np.floor(frame * 220.5 - 992 + 0.5))  # the centre is 10 ms early, the window 1102 long
        power = np.abs(np.fft.rfft(emphasised[start : start + 1102] * np.hamming(1102), 4096)) ** 2 / 4096
        np.testing.assert_allclose(found[frame], 20 * np.log10(power @ mel_filters(PAPER).T), atol=1e-3)


def test_htk_filters_equal_a_plain_loop() -> None:
    mel = np.linspace(0, 2595 * np.log10(1 + 22_050 / 700), 74)
    corner = np.floor(4097 * 700 * (10 ** (mel / 2595) - 1) / 44_100).astype(int)
    expected = np.zeros((72, 2049))
    for band, (left, centre, right) in enumerate(zip(corner, corner[1:], corner[2:], strict=False)):
        for k in range(left, centre):
            expected[band, k] = (k - left) / (centre - left)
        for k in range(centre, right):
            expected[band, k] = (right - k) / (right - centre)
    np.testing.assert_allclose(mel_filters(PAPER), expected, atol=1e-12)


@BOTH
def test_every_band_sees_something(preset: FrontEnd) -> None:
    assert (mel_filters(preset).max(axis=1) > 0).all()


@BOTH
@given(duration_s=st.floats(0.001, 2.0))
def test_the_frames_span_the_recording(preset: FrontEnd, duration_s: float) -> None:
    last_s = (preset.n_frames(duration_s) - 1) * preset.hop_s
    assert last_s <= duration_s + 1e-8 < last_s + preset.hop_s + 2e-8


@BOTH
def test_the_paper_and_the_default_place_an_impulse_where_the_grid_does(preset: FrontEnd) -> None:
    """An event's frame is the first that hears it (`paper`), or the loudest one (`log_mel_48`)."""
    for time_s in np.random.default_rng(0).uniform(0.1, 0.4, 20):
        samples = np.zeros(22_050, dtype=np.float32)
        samples[round(time_s * 44_100)] = 1.0
        loudness = preset(samples, 44_100).mean(axis=1)
        frame = FrameGrid(hop_s=preset.hop_s, n_frames=len(loudness)).to_frames(time_s)
        quiet = loudness[0]
        heard = np.flatnonzero(loudness > quiet + 1)
        # One sample of rounding may shift the hearing by one frame where the event lies between two.
        expected = heard[0] if preset.name == "paper" else np.argmax(loudness)
        distance = abs((time_s / preset.hop_s + 0.5) % 1 - 0.5)
        assert expected == frame or abs(distance - 0.5) < 0.01


def test_paper_follows_the_papers_mapping_of_labels() -> None:
    """Their frame floor(200 t) - 4, whose window starts at 5 ms times it, ends within a hop of ours."""
    time_s = np.random.default_rng(1).uniform(0.03, 2, 100)
    theirs_end_s = (np.floor(200 * time_s) - 4) * 0.005 + 0.025
    grid = FrameGrid(hop_s=0.005, n_frames=1000)
    ours_end_s = grid.to_seconds(grid.to_frames(time_s)) + PAPER.window_offset_s + PAPER.window_s / 2
    for end_s in (theirs_end_s, ours_end_s):
        assert ((end_s > time_s - 1e-9) & (end_s <= time_s + 0.005 + 1e-9)).all()


@BOTH
def test_silence_is_finite(preset: FrontEnd) -> None:
    assert np.isfinite(preset(np.zeros(4410, dtype=np.float32), 44_100)).all()


@BOTH
def test_a_very_short_recording_has_a_frame(preset: FrontEnd) -> None:
    bands = preset(np.ones(1, dtype=np.float32), 44_100)
    assert bands.shape == (1, preset.n_bands) and np.isfinite(bands).all()


@BOTH
@pytest.mark.parametrize("rate_hz", [16_000, 22_050, 48_000, 96_000])
def test_another_rate_gives_the_same_frames(preset: FrontEnd, rate_hz: int) -> None:
    """A tone of 500 Hz sounds alike at every rate, frame by frame."""

    def tone(hz: int) -> NDArray[np.float32]:
        time_s = np.arange(hz) / hz
        return (np.sin(2 * np.pi * 500 * time_s) * np.sin(2 * np.pi * 2 * time_s)).astype(np.float32)

    expected, found = preset(tone(44_100), 44_100), preset(tone(rate_hz), rate_hz)
    assert found.shape == expected.shape
    loud = expected > expected.max() - 20 * preset.db_factor / 10
    np.testing.assert_allclose(found[loud], expected[loud], atol=0.2 * preset.db_factor / 10)


@BOTH
def test_long_recordings_are_cut_into_blocks_without_seams(
    preset: FrontEnd, monkeypatch: pytest.MonkeyPatch
) -> None:
    samples, rate_hz = Noise().load()
    whole = preset(samples, rate_hz)
    monkeypatch.setattr("softloc_core.features._BLOCK_FRAMES", 7)
    np.testing.assert_allclose(preset(samples, rate_hz), whole, atol=1e-4)


def test_an_unknown_front_end_is_refused() -> None:
    with pytest.raises(ConfigError, match="`features` must be one of log_mel_48, paper, but got mfcc"):
        front_end("mfcc")


def test_an_unknown_filter_bank_is_refused() -> None:
    with pytest.raises(ConfigError, match="`mel` must be slaney or htk_floored, but got bark"):
        mel_filters(dataclasses.replace(LOG_MEL_48, mel="bark"))


def test_a_second_run_computes_none(tmp_path: Path) -> None:
    audio = Noise()
    first, second = FeatureCache(tmp_path), FeatureCache(tmp_path)
    one, two = (cache.features(audio, front_end=LOG_MEL_48) for cache in (first, second))
    assert (first.n_computed, first.n_reused, second.n_computed, second.n_reused) == (1, 0, 0, 1)
    assert audio.n_loads == 1
    assert isinstance(two, np.memmap) and not two.flags.writeable
    np.testing.assert_array_equal(one, two)
    np.testing.assert_array_equal(two, LOG_MEL_48(*audio.load()))


def test_the_key_changes_with_content_and_parameters_alone(tmp_path: Path) -> None:
    here, there = FeatureCache(tmp_path), FeatureCache(tmp_path / "elsewhere")
    key = here.key(Noise(), front_end=LOG_MEL_48)
    assert there.key(Noise(), front_end=LOG_MEL_48) == key
    assert here.key(Noise(1), front_end=LOG_MEL_48) != key
    assert here.key(Noise(), front_end=dataclasses.replace(LOG_MEL_48, power_floor=1e-9)) != key


@pytest.mark.parametrize("damage", ["empty", "half", "garbage", "other shape", "pickle"])
def test_a_corrupt_cache_file_is_computed_again(
    tmp_path: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    audio = Noise()
    expected = np.array(FeatureCache(tmp_path).features(audio, front_end=LOG_MEL_48))
    path = FeatureCache(tmp_path).path(audio, front_end=LOG_MEL_48)
    content = path.read_bytes()
    path.unlink()
    match damage:
        case "empty":
            path.touch()
        case "half":
            path.write_bytes(content[: len(content) // 2])
        case "garbage":
            path.write_bytes(bytes(reversed(content)))
        case "other shape":
            np.save(path, expected[:-1])
        case "pickle":
            np.save(path, np.array([{}], dtype=object), allow_pickle=True)
    cache = FeatureCache(tmp_path)
    with caplog.at_level(logging.WARNING):
        np.testing.assert_array_equal(cache.features(audio, front_end=LOG_MEL_48), expected)
    assert cache.n_computed == 1
    assert "features are computed again" in caplog.text
    assert sorted(path.parent.iterdir()) == [path]


def test_a_write_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full_disk(*_: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(np, "save", full_disk)
    with pytest.raises(OSError, match="no space left"):
        FeatureCache(tmp_path).features(Noise(), front_end=LOG_MEL_48)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_labels_fit_the_features() -> None:
    samples, rate_hz = Noise(seconds=0.237).load()
    for preset in FRONT_ENDS.values():
        grid = FrameGrid(hop_s=preset.hop_s, n_frames=len(preset(samples, rate_hz)))
        duration_s = len(samples) / rate_hz
        assert grid.label(EventList([0.0, duration_s], [0, 0], duration_s), n_channels=1).sum() == 2
