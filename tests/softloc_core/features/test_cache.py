"""The feature cache, and files that are lost or damaged."""

import dataclasses
import logging
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from softloc_core.features import FRONT_ENDS, FeatureCache

LOG_MEL_48, PAPER_PIANO = FRONT_ENDS["log_mel_48"], FRONT_ENDS["paper_piano"]


class Noise:
    """An audio source that counts how often it is loaded."""

    def __init__(self, seed: int = 0, *, seconds: float = 0.5, rate_hz: int = 44_100) -> None:
        self.content_key, self.duration_s, self.rate_hz = f"noise {seed} {rate_hz}", seconds, rate_hz
        self.n_loads = 0
        self._samples = 0.1 * np.random.default_rng(seed).standard_normal(round(seconds * rate_hz))

    def load(self) -> tuple[NDArray[np.float32], int]:
        self.n_loads += 1
        return self._samples.astype(np.float32), self.rate_hz


def test_a_second_run_computes_no_features(tmp_path: Path) -> None:
    audio = Noise()
    first, second = FeatureCache(tmp_path), FeatureCache(tmp_path)
    one, two = (cache.features(audio, front_end=LOG_MEL_48) for cache in (first, second))
    assert (first.n_computed, first.n_reused, second.n_computed, second.n_reused) == (1, 0, 0, 1)
    assert audio.n_loads == 1
    assert isinstance(two, np.memmap) and not two.flags.writeable
    np.testing.assert_array_equal(one, two)
    np.testing.assert_array_equal(two, LOG_MEL_48(*audio.load()))


def test_the_key_changes_only_with_content_and_parameters(tmp_path: Path) -> None:
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
    assert "computing features again" in caplog.text
    assert sorted(path.parent.iterdir()) == [path]


def test_a_failed_write_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full_disk(*_: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(np, "save", full_disk)
    with pytest.raises(OSError, match="no space left"):
        FeatureCache(tmp_path).features(Noise(), front_end=LOG_MEL_48)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_a_front_end_can_keep_some_of_its_bands(tmp_path: Path) -> None:
    features = FeatureCache(tmp_path).features(Noise(), front_end=PAPER_PIANO)
    assert features.shape == (101, 384)


def test_keys_of_existing_features_do_not_change(tmp_path: Path) -> None:
    """Cached features are found by their keys, so a new parameter must not change keys without it."""
    key = FeatureCache(tmp_path).key(Noise(), front_end=LOG_MEL_48)
    assert key == "0d7cf3de4659aa4b4ebbc9e667c8161df01f5eb58e60d9e0d14717eef79ed86e"
