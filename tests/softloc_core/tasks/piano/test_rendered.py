"""Rendered pianos: reproducible recordings with exact onsets and the properties of a piano."""

import hashlib
import itertools

import numpy as np
import pytest

from softloc_core.tasks import TASKS, DataRequest
from softloc_core.tasks.piano.instrument import RATE_HZ, draw_piano
from softloc_core.tasks.piano.pieces import draw_piece
from softloc_core.tasks.piano.rendered import (
    NAMES,
    RenderedPiano,
)


def test_a_recording_depends_on_its_name_and_the_seed_only() -> None:
    one, two, other = (RenderedPiano("train_03", seed) for seed in (1, 1, 2))
    samples = one.load()[0]
    np.testing.assert_array_equal(samples, two.load()[0])
    assert samples.dtype == np.float32 and samples.shape == (20 * RATE_HZ,)
    assert np.isfinite(samples).all() and 0.2 < np.abs(samples).max() <= 1
    assert len({one.content_key, other.content_key, RenderedPiano("train_04", 1).content_key}) == 3
    assert one.piece() == two.piece() != other.piece()


@pytest.mark.parametrize("seed", range(20))
def test_pieces_are_playable(seed: int) -> None:
    notes = draw_piece(duration_s=20.0, rng=np.random.default_rng(seed))
    assert 40 < len(notes) < 400
    assert [n.time_s for n in notes] == sorted(n.time_s for n in notes)
    assert all(0 <= n.time_s < 20 and 21 <= n.midi <= 108 and 0 < n.velocity <= 1 for n in notes)
    together = sum(b.time_s - a.time_s < 0.03 for a, b in itertools.pairwise(notes))
    assert together > 5  # chords
    for midi in {n.midi for n in notes}:
        own = [n for n in notes if n.midi == midi]
        for a, b in itertools.pairwise(own):
            assert b.time_s - a.time_s >= 0.06
            assert a.held_s <= b.time_s - a.time_s + 1e-9


@pytest.mark.parametrize("midi", [33, 60, 90])
def test_a_note_sounds_from_its_first_sample_and_decays(midi: int) -> None:
    piano = draw_piano(np.random.default_rng(midi))
    sound = piano.stroke(midi, velocity=0.8, held_s=1.0)
    level = [float(np.sqrt(np.mean(sound[int(a * RATE_HZ) : int(b * RATE_HZ)] ** 2)))
             for a, b in ((0, 0.02), (0.3, 0.5), (0.8, 1.0), (1.08, 1.15))]  # fmt: skip
    assert level[0] > 0.01
    assert level[1] > level[2] > 2 * level[3]
    assert abs(sound[-1]) < 1e-9


def test_partials_are_inharmonic_and_soft_notes_are_dull() -> None:
    piano = draw_piano(np.random.default_rng(0))
    hard, soft = (piano.stroke(48, velocity=v, held_s=3.0) for v in (1.0, 0.2))
    hz = 440 * 2 ** ((48 - 69 + piano.tuning_cents / 100) / 12)
    b = piano.inharmonicity * 2 ** (piano.stretch * 1)
    spectrum = np.abs(np.fft.rfft(hard[RATE_HZ // 4 :] * np.hanning(len(hard) - RATE_HZ // 4), 2**18))
    bin_hz = RATE_HZ / 2**18
    for k in (3, 5, 6):
        expected_hz = k * hz * np.sqrt(1 + b * k**2)
        near = slice(int((expected_hz - 12) / bin_hz), int((expected_hz + 12) / bin_hz))
        found_hz = (near.start + np.argmax(spectrum[near])) * bin_hz
        assert found_hz == pytest.approx(expected_hz, abs=1.0)
        assert expected_hz - k * hz > 0.02

    def brightness(sound: np.ndarray) -> float:
        power = np.abs(np.fft.rfft(sound[:8000])) ** 2
        return float(power[1000:].sum() / power.sum())

    assert brightness(hard) > 1.5 * brightness(soft)


def test_onsets_are_where_the_sound_starts() -> None:
    """The recording is quiet before the first note and loud after it."""
    for name in (*NAMES.train[:2], NAMES.test[0]):
        audio = RenderedPiano(name, 0)
        samples, rate_hz = audio.load()
        first = round(audio.piece()[0].time_s * rate_hz)
        before, after = samples[: first - 20], samples[first : first + rate_hz // 20]
        assert np.sqrt(np.mean(after**2)) > 3 * np.sqrt(np.mean(before**2))


def test_the_source_returns_recordings_with_their_notes() -> None:
    source = TASKS.get("piano").source("synthetic")
    request = DataRequest("piano", "synthetic", "new_pianos", 0, "semitones_196", 5)
    assert source.split(request, None).all == (*NAMES.train, *NAMES.validation, *NAMES.test)
    (found,) = source.scan(None, names=["test_01"], seed=5).recordings
    piece = RenderedPiano("test_01", 5).piece()
    assert len(found.reference) == len(piece)
    assert sorted(found.reference.channel + 21) == sorted(note.midi for note in piece)
    folds = [
        source.split(DataRequest("piano", "synthetic", "train_cv", k, "", 0), None).test for k in range(3)
    ]
    assert sorted(name for fold in folds for name in fold) == sorted(NAMES.train)


def test_rendering_is_unchanged_for_this_version() -> None:
    """Feature caches and trials depend on the version, so every change of the sound must increase it."""
    notes = RenderedPiano("train_00", 0).piece()
    text = ";".join(f"{n.time_s:.6f} {n.midi} {n.velocity:.4f}" for n in notes)
    assert hashlib.sha256(text.encode()).hexdigest()[:16] == "c22cbe52d6c04e94"
    samples, _ = RenderedPiano("train_00", 0).load()
    loudness = np.sqrt(np.mean(samples.reshape(20, -1).astype(np.float64) ** 2, axis=1))
    np.testing.assert_allclose(loudness[[0, 5, 10, 15]], [0.043856, 0.041173, 0.041305, 0.040214], rtol=1e-3)
