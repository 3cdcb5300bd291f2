"""Sound files: supported formats, and an error for every kind of damage."""

import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile

from softloc_core.errors import DataError
from softloc_core.features.audio import AudioFile, load_audio


def _write(
    path: Path, *, seconds: float = 0.5, rate_hz: int = 8000, channels: int = 1, **options: str
) -> Path:
    samples = np.random.default_rng(0).uniform(-0.5, 0.5, (round(seconds * rate_hz), channels))
    soundfile.write(path, samples, rate_hz, **options)
    return path


@pytest.mark.parametrize("rate_hz", [8000, 22050, 44100, 48000])
@pytest.mark.parametrize("suffix", ["wav", "flac"])
def test_any_rate_and_format_is_read(tmp_path: Path, rate_hz: int, suffix: str) -> None:
    path = _write(tmp_path / f"a.{suffix}", rate_hz=rate_hz)
    samples, found_hz = load_audio(path)
    assert (found_hz, samples.shape, samples.dtype) == (rate_hz, (rate_hz // 2,), np.float32)
    assert AudioFile(path).duration_s == 0.5


def test_channels_are_averaged(tmp_path: Path) -> None:
    stereo = np.stack([np.full(100, 0.5), np.full(100, -0.25)], axis=1)
    soundfile.write(tmp_path / "a.wav", stereo, 8000, subtype="FLOAT")
    samples, _ = load_audio(tmp_path / "a.wav")
    np.testing.assert_array_equal(samples, np.full(100, 0.125, dtype=np.float32))


def test_extra_chunks_of_odd_size_are_skipped(tmp_path: Path) -> None:
    path = _write(tmp_path / "a.wav")
    content = path.read_bytes()
    extra = struct.pack("<4sI", b"note", 3) + b"abc\0"
    path.write_bytes(content[:12] + extra + content[12:])
    assert len(load_audio(path)[0]) == 4000


def test_the_content_key_depends_on_the_bytes_and_not_on_the_name(tmp_path: Path) -> None:
    one, same = _write(tmp_path / "a.wav"), _write(tmp_path / "b.wav")
    other = _write(tmp_path / "c.wav", seconds=0.4)
    assert AudioFile(one).content_key == AudioFile(same).content_key != AudioFile(other).content_key


@pytest.mark.parametrize("subtype", ["PCM_16", "FLOAT"])
def test_a_wav_cut_in_half_raises(tmp_path: Path, subtype: str) -> None:
    path = _write(tmp_path / "half.wav", subtype=subtype)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    for read in (load_audio, lambda path: AudioFile(path).duration_s):
        with pytest.raises(
            DataError, match=r"must be whole, but got \d+ of \d+ bytes of audio in .*half\.wav"
        ):
            read(path)


def test_a_wav_cut_in_its_header_raises(tmp_path: Path) -> None:
    path = _write(tmp_path / "stub.wav")
    path.write_bytes(path.read_bytes()[:30])
    with pytest.raises(
        DataError, match=r"must be whole, but got no audio data in .*stub\.wav: copy it again"
    ):
        load_audio(path)


def test_a_flac_cut_in_half_raises(tmp_path: Path) -> None:
    path = _write(tmp_path / "half.flac", seconds=5)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(DataError, match=r"half\.flac"):
        load_audio(path)


def test_a_file_without_sound_raises(tmp_path: Path) -> None:
    (tmp_path / "text.wav").write_text("not a sound at all, only words")
    with pytest.raises(DataError, match=r"must be a sound file that libsndfile reads, but got .*text\.wav"):
        load_audio(tmp_path / "text.wav")


def test_a_missing_file_raises(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"a recording must be a file, but got nothing at .*absent\.wav"):
        load_audio(tmp_path / "absent.wav")


def test_an_empty_recording_raises(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "empty.wav", np.zeros(0), 8000)
    with pytest.raises(DataError, match=r"at least one sample, but got none in .*empty\.wav"):
        load_audio(tmp_path / "empty.wav")


def test_samples_that_are_not_finite_raise(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "nan.wav", np.array([0.0, np.nan]), 8000, subtype="FLOAT")
    with pytest.raises(DataError, match=r"must be finite, but got NaN or infinity in .*nan\.wav"):
        load_audio(tmp_path / "nan.wav")
