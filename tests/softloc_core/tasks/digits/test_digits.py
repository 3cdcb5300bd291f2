"""Digits in pictures: MNIST files, canvases, windows along curves, and scores by position."""

import gzip
import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from softloc_core.errors import ConfigError, DataError
from softloc_core.events import EventList
from softloc_core.tasks import DataRequest
from softloc_core.tasks.base.sources import SplitNames
from softloc_core.tasks.digits.canvases import CANVAS_PX, draw_canvas, windows
from softloc_core.tasks.digits.curves import CURVES
from softloc_core.tasks.digits.images import FIELD_PX, DigitImages, embedded_digits, mnist_digits
from softloc_core.tasks.digits.task import FRONT_ENDS, DigitTask
from tests.recorded_data import recorded

TASK = DigitTask()


def _images(n_digits: int = 20) -> DigitImages:
    """Return blocks that differ in size and brightness and are off the centre."""
    image = np.zeros((n_digits, FIELD_PX, FIELD_PX), dtype=np.uint8)
    for index in range(n_digits):
        image[index, 4 : 10 + index % 10, 6 : 14 + index % 5] = 100 + index
    return DigitImages(image, np.arange(n_digits) % 10)


def _write_mnist(root: Path, **damage: bytes) -> Path:
    """Write the four files with a few digits. `damage` replaces the content of files."""
    images = _images()
    for part in ("train", "t10k"):
        contents = {
            f"{part}-images-idx3-ubyte.gz": struct.pack(">IIII", 2051, 20, 28, 28) + images.image.tobytes(),
            f"{part}-labels-idx1-ubyte.gz": struct.pack(">II", 2049, 20)
            + images.digit.astype(np.uint8).tobytes(),
        }
        for name, content in contents.items():
            (root / name).write_bytes(gzip.compress(damage.get(name.split("-ubyte")[0], content)))
    return root


def _few(monkeypatch: pytest.MonkeyPatch, features: str, root: Path | None, *, source: str = "mnist"):
    """Load three training canvases and four test canvases."""
    own = TASK.source(source)
    names = SplitNames(
        ("train_0000", "train_0001", "train_0002"), (), tuple(f"test_000{k}" for k in range(4))
    )
    monkeypatch.setattr(own, "split", lambda *_: names)
    request = DataRequest("digits", source, "canvases_125", 0, features, 0)
    return TASK.load(request, data_root=root, cache_dir=Path("unused"))


def test_mnist_is_read_in_its_published_format(tmp_path: Path) -> None:
    train, test = mnist_digits(_write_mnist(tmp_path))
    np.testing.assert_array_equal(train.image, _images().image)
    np.testing.assert_array_equal(test.digit, _images().digit)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (
            "train-images-idx3",
            struct.pack(">IIII", 2051, 20, 28, 28) + b"cut",
            "an IDX file must contain 20 x 28 x 28 bytes according to its header, but got",
        ),
        (
            "train-images-idx3",
            struct.pack(">II", 2049, 0),
            "IDX file of images must start with 2051, but got",
        ),
        ("train-images-idx3", struct.pack(">IIII", 2051, 20, 2, 2) + bytes(80), r"must be 28 x 28, but got"),
        (
            "t10k-labels-idx1",
            struct.pack(">II", 2049, 3) + b"\1\2\3",
            "equal in number, but got 20 in .* and 3 in",
        ),
        ("t10k-labels-idx1", struct.pack(">II", 2049, 20) + bytes([77] * 20), "0 to 9, but got 77 at 0 in"),
    ],
)
def test_messages_name_a_damaged_file(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    root = _write_mnist(tmp_path, **{name: content})
    with pytest.raises(DataError, match=message) as caught:
        mnist_digits(root)
    assert name in str(caught.value)
    assert any(name in line for line in TASK.check("mnist", data_root=root).problems)


def test_messages_name_missing_truncated_and_uncompressed_files(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError, match=r"`--data-root` must name the folder that contains train-images.*none"
    ):
        mnist_digits(None)
    with pytest.raises(DataError, match=r"a gzipped IDX file is needed, but got .*train-images-idx3"):
        mnist_digits(tmp_path)
    path = _write_mnist(tmp_path) / "t10k-images-idx3-ubyte.gz"
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(DataError, match=r"a gzipped IDX file is needed, but got .*t10k-images-idx3"):
        mnist_digits(tmp_path)


def test_embedded_digits_look_like_digits_and_parts_do_not_overlap() -> None:
    train, test = embedded_digits()
    assert (len(train.digit), len(test.digit)) == (1198, 599)
    assert train.image.shape[1:] == (28, 28) and train.image.max() == 255
    assert min(np.bincount(part.digit, minlength=10).min() for part in (train, test)) > 40


def test_digits_are_within_the_canvas_and_do_not_touch() -> None:
    images, numbers = _images(), set()
    for index in range(60):
        canvas = draw_canvas(f"train_{index:04d}", images, seed=0)
        numbers.add(len(canvas.digit))
        # Brightness identifies a digit: its pixels form its complete block around its centre.
        for digit, centre in zip(canvas.digit, canvas.centre_px, strict=True):
            row, column = (int(value) for value in centre)
            assert canvas.pixel[row, column] % 10 == digit
        blocks = sum(
            int((image > 0).sum())
            for value in np.unique(canvas.pixel[canvas.pixel > 0])
            for image in [images.image[value - 100]]
        )
        if len(np.unique(canvas.pixel)) - 1 == len(canvas.digit):
            assert blocks == (canvas.pixel > 0).sum()
    assert numbers == {1, 2, 3}


def test_a_canvas_depends_on_its_name_and_the_seed_only() -> None:
    one, same = (draw_canvas("train_0001", _images(), seed=0) for _ in range(2))
    assert one.content_key == same.content_key
    others = [draw_canvas("train_0002", _images(), seed=0), draw_canvas("train_0001", _images(), seed=1)]
    assert len({one.content_key, *(other.content_key for other in others)}) == 3


@pytest.mark.parametrize("features", FRONT_ENDS)
def test_windows_show_the_area_around_their_position(features: str) -> None:
    pixel = np.random.default_rng(0).integers(0, 256, (CANVAS_PX, CANVAS_PX)).astype(np.uint8)
    curve = CURVES[features.removesuffix("_half")]
    found = windows(pixel, features)
    for frame in (0, 17, len(found) - 1):
        row, column = np.floor(curve.centre_px(CANVAS_PX)[frame]).astype(int)
        expected = np.zeros((32, 32))
        for r in range(32):
            for c in range(32):
                if 0 <= row + r - 16 < CANVAS_PX and 0 <= column + c - 16 < CANVAS_PX:
                    expected[r, c] = pixel[row + r - 16, column + c - 16] / 255
        if features.endswith("_half"):
            expected = expected.reshape(16, 2, 16, 2).mean(axis=(1, 3))
        np.testing.assert_allclose(found[frame], expected.reshape(-1), atol=1e-6)


@pytest.mark.parametrize("features", ["hilbert_half", "peano"])
def test_scores_compare_positions_for_every_curve(monkeypatch, tmp_path: Path, features: str) -> None:
    data = _few(monkeypatch, features, _write_mnist(tmp_path))
    perfect = TASK.score(data, {r.name: r.reference for r in data.test}, tolerance_s=1.0)
    assert perfect.f1 == 1.0 and perfect.timing_mean_s == 0.0
    assert perfect.measures["count_accuracy"] == perfect.measures["recognition_accuracy"] == 1.0
    # A centre is at most half a cell away from the centre of the nearest window in each coordinate.
    assert 0 < perfect.measures["centre_distance_px"] < 6
    nothing = {r.name: EventList([], [], r.reference.duration_s) for r in data.test}
    assert TASK.score(data, nothing, tolerance_s=1.0).f1 == 0.0
    wrong = {
        r.name: EventList(r.reference.time_s, (r.reference.channel + 1) % 10, r.reference.duration_s)
        for r in data.test
    }
    assert TASK.score(data, wrong, tolerance_s=1.0).measures["recognition_accuracy"] < 0.5


def test_the_counts_of_a_picture_are_those_of_its_labels(monkeypatch, tmp_path: Path) -> None:
    data = _few(monkeypatch, "moore", _write_mnist(tmp_path))
    for recording in data.train:
        label = recording.grid.label(recording.label, n_channels=10, collision="add")
        assert label.sum() == len(recording.event_px) == len(recording.label)
        np.testing.assert_allclose(
            recording.frame_px[recording.grid.to_frames(recording.label.time_s)], recording.event_px, atol=4.1
        )
    assert replace(data.train[0], name="other").frame_px is data.train[0].frame_px


def test_larger_splits_include_smaller_ones_and_folds_never_use_test_digits() -> None:
    def names(split: str, fold: int = 0) -> SplitNames:
        return TASK.source("embedded").split(DataRequest("digits", "embedded", split, fold, "", 0), None)

    small, large = names("canvases_125"), names("canvases_500")
    assert small.train == large.train[:125] and small.test == large.test
    assert len({*names("train_cv", 0).test, *names("train_cv", 1).test, *names("train_cv", 2).test}) == 750
    assert not any(name.startswith("test") for name in names("train_cv").all)


def test_an_unknown_front_end_is_rejected() -> None:
    with pytest.raises(ConfigError, match=r"`features` must be one of hilbert, .*, but got spiral"):
        TASK.load(
            DataRequest("digits", "embedded", "canvases_125", 0, "spiral", 0),
            data_root=None,
            cache_dir=Path("x"),
        )


@pytest.mark.data
def test_recorded_digits_look_like_their_class() -> None:
    """The nearest class mean recognises most test digits, so images and labels belong together."""
    train, test = mnist_digits(recorded("mnist"))
    assert (len(train.digit), len(test.digit)) == (6995, 1500)
    means = np.stack([train.image[train.digit == digit].mean(axis=0).reshape(-1) for digit in range(10)])
    distance = ((test.image.reshape(len(test.image), 1, -1).astype(float) - means) ** 2).sum(axis=2)
    assert (distance.argmin(axis=1) == test.digit).mean() > 0.75
