"""Front ends compared with librosa and a plain loop."""

import dataclasses

import librosa
import numpy as np
import pytest
from hypothesis import given, strategies as st
from numpy.typing import NDArray

from softloc_core.errors import ConfigError
from softloc_core.events import EventList, FrameGrid
from softloc_core.features.front_ends import FRONT_ENDS, FrontEnd, filter_weights, front_end

LOG_MEL_48, PAPER, PAPER_PIANO = (FRONT_ENDS[name] for name in ("log_mel_48", "paper", "paper_piano"))
EVERY_ONE = pytest.mark.parametrize("preset", FRONT_ENDS.values(), ids=FRONT_ENDS)


def noise(*, seconds: float, rate_hz: int = 44_100) -> tuple[NDArray[np.float32], int]:
    samples = 0.1 * np.random.default_rng(0).standard_normal(round(seconds * rate_hz))
    return samples.astype(np.float32), rate_hz


def test_log_mel_48_equals_librosa() -> None:
    samples, rate_hz = noise(seconds=1.0)
    spectrum = librosa.stft(samples.astype(np.float64), n_fft=2048, hop_length=441, pad_mode="constant")
    filters = librosa.filters.mel(
        sr=rate_hz, n_fft=2048, n_mels=48, fmin=30.0, fmax=16_000.0, dtype=np.float64
    )
    power = filters @ np.abs(spectrum) ** 2
    expected = 10 * np.log10(np.maximum(power, 1e-8)).T
    # Float32 storage of values near 10.
    np.testing.assert_allclose(LOG_MEL_48(samples, rate_hz), expected, atol=1e-4)


def test_paper_frames_equal_a_plain_loop() -> None:
    samples, rate_hz = noise(seconds=0.2)
    found = PAPER(samples, rate_hz)
    emphasised = np.append(samples[:1], samples[1:] - 0.97 * samples[:-1].astype(np.float64))
    for frame in (10, 11, 30):
        start = int(np.floor(frame * 220.5 - 992 + 0.5))  # the centre is 10 ms early, the window 1102 long
        power = np.abs(np.fft.rfft(emphasised[start : start + 1102] * np.hamming(1102), 4096)) ** 2 / 4096
        np.testing.assert_allclose(found[frame], 20 * np.log10(power @ filter_weights(PAPER).T), atol=1e-3)


def test_htk_filters_equal_a_plain_loop() -> None:
    mel = np.linspace(0, 2595 * np.log10(1 + 22_050 / 700), 74)
    corner = np.floor(4097 * 700 * (10 ** (mel / 2595) - 1) / 44_100).astype(int)
    expected = np.zeros((72, 2049))
    for band, (left, centre, right) in enumerate(zip(corner, corner[1:], corner[2:], strict=False)):
        for k in range(left, centre):
            expected[band, k] = (k - left) / (centre - left)
        for k in range(centre, right):
            expected[band, k] = (right - k) / (right - centre)
    np.testing.assert_allclose(filter_weights(PAPER), expected, atol=1e-12)


def test_log_mel_229_equals_librosa() -> None:
    samples, rate_hz = noise(seconds=1.0, rate_hz=16_000)
    power = librosa.feature.melspectrogram(
        y=samples.astype(np.float64), sr=rate_hz, n_fft=2048, hop_length=512, n_mels=229, fmin=30.0, htk=True,
        pad_mode="constant",
    )  # fmt: skip
    found = FRONT_ENDS["log_mel_229"](samples, rate_hz)
    np.testing.assert_allclose(found, 10 * np.log10(np.maximum(power, 1e-10)).T, atol=1e-3)


def test_the_papers_piano_bands_are_the_lowest_of_550() -> None:
    assert (PAPER_PIANO.n_bands, PAPER_PIANO.n_features) == (550, 384)
    whole = filter_weights(dataclasses.replace(PAPER_PIANO, kept_bands=None))
    assert whole.shape == (550, 4097)
    np.testing.assert_array_equal(filter_weights(PAPER_PIANO), whole[:384])


@pytest.mark.parametrize("key", [45, 60, 75, 100])
def test_a_key_is_loudest_in_its_own_band(key: int) -> None:
    preset = FRONT_ENDS["semitones_196"]
    hz = 440 * 2 ** ((key - 69) / 12)
    samples = np.sin(2 * np.pi * hz * np.arange(16_000) / 16_000).astype(np.float32)
    assert int(np.argmax(preset(samples, 16_000)[25])) == 2 * (key - 21)


def test_log_frequency_bands_are_triangles_between_their_neighbours() -> None:
    preset = FRONT_ENDS["semitones_196"]
    filters, bin_hz = filter_weights(preset), preset.rate_hz / preset.n_fft
    for band in (20, 120, 180):
        centre_hz = 27.5 * 2 ** (band / 24)
        below_hz = max(centre_hz - 27.5 * 2 ** ((band - 1) / 24), bin_hz)
        above_hz = max(27.5 * 2 ** ((band + 1) / 24) - centre_hz, bin_hz)
        for k in range(1025):
            away_hz = k * bin_hz - centre_hz
            expected = max(0.0, 1 - (-away_hz / below_hz if away_hz < 0 else away_hz / above_hz))
            assert filters[band, k] == pytest.approx(expected, abs=1e-9)


@EVERY_ONE
def test_every_band_contains_a_bin(preset: FrontEnd) -> None:
    sees = filter_weights(preset).max(axis=1) > 0
    # The papers' lowest piano bands are narrower than a bin; some corners coincide, so the bands are empty.
    assert sees[150:].all() if preset is PAPER_PIANO else sees.all()


@EVERY_ONE
@given(duration_s=st.floats(0.001, 2.0))
def test_the_frames_span_the_recording(preset: FrontEnd, duration_s: float) -> None:
    last_s = (preset.n_frames(duration_s) - 1) * preset.hop_s
    assert last_s <= duration_s + 1e-8 < last_s + preset.hop_s + 2e-8


@EVERY_ONE
def test_an_impulse_is_in_the_frame_that_the_grid_assigns(preset: FrontEnd) -> None:
    """The frame of an event is the first whose window contains it (`paper`) or the loudest (`log_mel_48`)."""
    for time_s in np.random.default_rng(0).uniform(0.1, 0.4, 20):
        samples = np.zeros(22_050, dtype=np.float32)
        samples[round(time_s * 44_100)] = 1.0
        loudness = preset(samples, 44_100).mean(axis=1)
        frame = FrameGrid(hop_s=preset.hop_s, n_frames=len(loudness)).to_frames(time_s)
        quiet = loudness[0]
        heard = np.flatnonzero(loudness > quiet + 1)
        # Rounding to samples may shift the frame by one if the event is between two frames.
        expected = heard[0] if preset in (PAPER, PAPER_PIANO) else np.argmax(loudness)
        distance = abs((time_s / preset.hop_s + 0.5) % 1 - 0.5)
        assert expected == frame or abs(distance - 0.5) < 0.01


def test_the_front_end_paper_follows_the_papers_mapping_of_labels() -> None:
    """The papers' frame floor(200 t) - 4 has a window that ends within a hop of ours."""
    time_s = np.random.default_rng(1).uniform(0.03, 2, 100)
    theirs_end_s = (np.floor(200 * time_s) - 4) * 0.005 + 0.025
    grid = FrameGrid(hop_s=0.005, n_frames=1000)
    ours_end_s = grid.to_seconds(grid.to_frames(time_s)) + PAPER.window_offset_s + PAPER.window_s / 2
    for end_s in (theirs_end_s, ours_end_s):
        assert ((end_s > time_s - 1e-9) & (end_s <= time_s + 0.005 + 1e-9)).all()


@EVERY_ONE
def test_silence_is_finite(preset: FrontEnd) -> None:
    assert np.isfinite(preset(np.zeros(4410, dtype=np.float32), 44_100)).all()


@EVERY_ONE
def test_a_very_short_recording_has_a_frame(preset: FrontEnd) -> None:
    bands = preset(np.ones(1, dtype=np.float32), 44_100)
    assert bands.shape == (1, preset.n_features) and np.isfinite(bands).all()


@EVERY_ONE
@pytest.mark.parametrize("rate_hz", [16_000, 22_050, 48_000, 96_000])
def test_a_different_sampling_rate_gives_the_same_frames(preset: FrontEnd, rate_hz: int) -> None:
    """A tone of 500 Hz has the same features at every rate, frame by frame."""

    def tone(hz: int) -> NDArray[np.float32]:
        time_s = np.arange(hz) / hz
        return (np.sin(2 * np.pi * 500 * time_s) * np.sin(2 * np.pi * 2 * time_s)).astype(np.float32)

    expected, found = preset(tone(44_100), 44_100), preset(tone(rate_hz), rate_hz)
    assert found.shape == expected.shape
    loud = expected > expected.max() - 20 * preset.db_factor / 10
    np.testing.assert_allclose(found[loud], expected[loud], atol=0.2 * preset.db_factor / 10)


@EVERY_ONE
def test_blocks_of_a_long_recording_join_without_seams(
    preset: FrontEnd, monkeypatch: pytest.MonkeyPatch
) -> None:
    samples, rate_hz = noise(seconds=0.5)
    whole = preset(samples, rate_hz)
    monkeypatch.setattr("softloc_core.features.front_ends._BLOCK_FRAMES", 7)
    np.testing.assert_allclose(preset(samples, rate_hz), whole, atol=1e-4)


def test_an_unknown_front_end_raises() -> None:
    with pytest.raises(ConfigError, match=r"`features` must be one of log_mel_48, paper, .*, but got mfcc"):
        front_end("mfcc")


def test_an_unknown_filter_bank_raises() -> None:
    with pytest.raises(
        ConfigError, match="`filter_bank` must be slaney, htk_floored, htk or log_frequency, but got bark"
    ):
        filter_weights(dataclasses.replace(LOG_MEL_48, filter_bank="bark"))


def test_labels_fit_the_features() -> None:
    samples, rate_hz = noise(seconds=0.237)
    for preset in FRONT_ENDS.values():
        grid = FrameGrid(hop_s=preset.hop_s, n_frames=len(preset(samples, rate_hz)))
        duration_s = len(samples) / rate_hz
        assert grid.label(EventList([0.0, duration_s], [0, 0], duration_s), n_channels=1).sum() == 2
