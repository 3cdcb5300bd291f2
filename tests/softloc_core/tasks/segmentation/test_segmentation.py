"""Action segmentation: layouts, splits, labels, scores, and messages for all kinds of damage."""

from pathlib import Path

import numpy as np
import pytest
import scipy.io

from softloc_core.errors import ConfigError, DataError
from softloc_core.events import EventList, SegmentList
from softloc_core.tasks import DataRequest
from softloc_core.tasks.segmentation.folders import GTEA_NAMES
from softloc_core.tasks.segmentation.svm_scores import EVAL_NAMES, MID_NAMES
from softloc_core.tasks.segmentation.task import SegmentationTask
from tests.recorded_data import recorded

TASK = SegmentationTask()


def _load(source: str, root: Path | None, *, split: str = "published", fold: int = 0):
    request = DataRequest("segmentation", source, split, fold, "plain", 0)
    return TASK.load(request, data_root=root, cache_dir=Path("unused"))


def _names(data):
    return [recording.name for recording in data.train], [recording.name for recording in data.test]


def _cells(values: list[np.ndarray]) -> np.ndarray:
    cells = np.empty((1, len(values)), dtype=object)
    for index, value in enumerate(values):
        cells[0, index] = value
    return cells


def _write_svm(root: Path, number: int, *, granularity: str = "mid", **changes) -> Path:
    """Write two videos in the released layout, with the highest score for the true class."""
    n_classes = len(MID_NAMES if granularity == "mid" else EVAL_NAMES)
    classes = [np.repeat([0, 1, number % n_classes, 2], 5), np.repeat([3, 0, 4], 7)]
    scores = [np.eye(n_classes)[one] - 1.0 for one in classes]
    content = {"S": _cells(scores), "Y": _cells([one[None] for one in classes]), **changes}
    path = root / granularity / f"split_{number}.mat"
    path.parent.mkdir(parents=True, exist_ok=True)
    scipy.io.savemat(path, content)
    return path


def _write_folders(root: Path, n_videos: int = 6, *, seconds: int = 8, rate_hz: int = 15) -> Path:
    for folder in ("features", "groundTruth", "splits"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    for index in range(n_videos):
        names = [GTEA_NAMES[(index + second // 3) % 11] for second in range(seconds) for _ in range(rate_hz)]
        (root / "groundTruth" / f"v{index}.txt").write_text("\n".join(names) + "\n")
        np.save(root / "features" / f"v{index}.npy", np.arange(3 * len(names)).reshape(3, -1) / 10 + index)
    (root / "mapping.txt").write_text("".join(f"{k} {name}\n" for k, name in enumerate(GTEA_NAMES)))
    for number in (1, 2, 3, 4):
        test = [f"v{number}.txt"]
        train = [f"v{k}.txt" for k in range(n_videos) if k != number]
        (root / "splits" / f"train.split{number}.bundle").write_text("\n".join(train) + "\n")
        (root / "splits" / f"test.split{number}.bundle").write_text("\n".join(test) + "\n")
    return root


def test_folds_of_the_svm_scores_test_on_one_file_each(tmp_path: Path) -> None:
    for number in (1, 2, 4, 5):
        _write_svm(tmp_path, number)
    train, test = _names(_load("salads50_svm", tmp_path, fold=3))
    assert test == ["split_4/00", "split_4/01"]
    assert train == [f"split_{k}/{video}" for k in (1, 2, 5) for video in ("00", "01")]
    with pytest.raises(DataError, match=r"fold 2 of published needs split_3\.mat, but got none in"):
        _load("salads50_svm", tmp_path, fold=2)


def test_training_folds_never_include_test_files(tmp_path: Path) -> None:
    for number in (1, 2, 3, 4):
        _write_svm(tmp_path, number)
    tested = []
    for fold in range(3):
        train, test = _names(_load("salads50_svm", tmp_path, split="train_cv", fold=fold))
        assert not any(name.startswith("split_1") for name in train + test)
        assert not {name.split("/")[0] for name in train} & {name.split("/")[0] for name in test}
        tested += test
    assert sorted(tested) == [f"split_{k}/{video}" for k in (2, 3, 4) for video in ("00", "01")]


def test_classes_become_segments_and_scores_become_features(tmp_path: Path) -> None:
    for number in (1, 2):
        _write_svm(tmp_path, number, granularity="eval")
    (first, second) = _load("salads50_svm_eval", tmp_path).test
    assert first.reference == SegmentList([0, 5, 15], [0, 1, 2], 20.0)
    assert second.reference == SegmentList([0, 7, 14], [3, 0, 4], 21.0)
    assert (first.features.shape, first.hop_s) == ((20, 10), 1.0)
    np.testing.assert_array_equal(first.features.argmax(axis=1), np.repeat([0, 1, 1, 2], 5))


def test_messages_name_a_damaged_mat_file(tmp_path: Path) -> None:
    _write_svm(tmp_path, 2)
    good = _cells([np.zeros((4, 18))])
    cases = [
        ({"S": good, "Y": _cells([np.zeros((1, 5))])}, r"S must be \[5 frames of Y, 18 classes\], but got"),
        ({"S": _cells([np.full((4, 18), np.nan)]), "Y": _cells([np.zeros((1, 4))])}, "scores must be finite"),
        ({"S": good, "Y": _cells([np.full((1, 4), 18)])}, "classes must be 0 to 17, but got 18 in frame 0"),
        ({"S": good, "Y": _cells([])}, "S and Y must contain the same number of videos, but got 1 and 0"),
        ({"S": np.zeros((4, 18)), "Y": np.zeros(4)}, "a file must contain the cells S and Y, but got"),
    ]
    for changes, message in cases:
        path = _write_svm(tmp_path, 1, **changes)
        with pytest.raises(DataError, match=message):
            _load("salads50_svm", tmp_path)
    path.write_bytes(b"no MATLAB file at all")
    with pytest.raises(DataError, match=r"a MATLAB file .* is needed, but got .*split_1\.mat"):
        _load("salads50_svm", tmp_path)
    assert any("split_1.mat" in line for line in TASK.check("salads50_svm", data_root=tmp_path).problems)


def test_missing_roots_are_rejected(tmp_path: Path) -> None:
    for source, layout in (("salads50_svm", "split_<k>"), ("gtea", "groundTruth")):
        with pytest.raises(
            ConfigError, match=rf"`--data-root` must name the folder .*{layout}.*but got none"
        ):
            _load(source, None)
        with pytest.raises(DataError, match=rf"`--data-root` must contain .*{layout}"):
            _load(source, tmp_path)
    _write_svm(tmp_path, 1)
    with pytest.raises(DataError, match=r"needs a recording to train, but got none of 2"):
        _load("salads50_svm", tmp_path)


def test_segments_have_the_frame_rate_of_the_annotations(tmp_path: Path) -> None:
    data = _load("gtea", _write_folders(tmp_path), fold=1)
    assert _names(data) == (["v0", "v1", "v3", "v4", "v5"], ["v2"])
    (recording,) = data.test
    assert recording.hop_s == pytest.approx(1 / 3)
    assert recording.features.shape == (24, 3)
    assert recording.reference == SegmentList([0, 3, 6], [2, 3, 4], 8.0)
    # Blocks of five frames are centred on their frame: the second block is frames 3 to 7 with mean 5.
    np.testing.assert_allclose(recording.features[1, 0], 0.5 + 2, atol=1e-6)
    np.testing.assert_allclose(recording.features[0, 0], 0.1 + 2, atol=1e-6)


def test_without_a_test_bundle_all_other_videos_are_for_testing(tmp_path: Path) -> None:
    root = _write_folders(tmp_path)
    (root / "splits" / "test.split1.bundle").unlink()
    assert _names(_load("gtea", root))[1] == ["v1"]
    train, test = _names(_load("gtea", root, split="train_cv", fold=0))
    assert "v1" not in train + test and not set(train) & set(test)


def test_messages_name_the_file_and_the_line(tmp_path: Path) -> None:
    root = _write_folders(tmp_path)
    truth, features = root / "groundTruth" / "v0.txt", root / "features" / "v0.npy"
    good_truth, good_features = truth.read_text(), features.read_bytes()
    truth.write_text(good_truth.replace("take", "juggle", 1))
    with pytest.raises(
        DataError, match=r"class must be one of take, .*but got 'juggle' in .*v0\.txt, line 1"
    ):
        _load("gtea", root)
    truth.write_text("")
    with pytest.raises(DataError, match=r"must contain a class for each frame, but got none in .*v0\.txt"):
        _load("gtea", root)
    truth.write_text("take\n" * 60)
    with pytest.raises(DataError, match=r"must have the same number of frames, but got 120 in .* and 60 in"):
        _load("gtea", root)
    truth.write_text(good_truth)
    features.write_bytes(good_features[:60])
    with pytest.raises(DataError, match=r"an array file is needed, but got .*v0\.npy"):
        _load("gtea", root)
    np.save(features, np.zeros(120))
    with pytest.raises(DataError, match=r"features must be numbers \[band, frame\], but got \(120,\)"):
        _load("gtea", root)
    np.save(features, np.full((3, 120), np.inf))
    with pytest.raises(DataError, match=r"features must be finite, but got others in frame 0 of"):
        _load("gtea", root)
    features.write_bytes(good_features)
    (root / "mapping.txt").write_text("0 take\n1 juggle\n")
    with pytest.raises(DataError, match=r"a line must contain a number and one of .*mapping\.txt, line 2"):
        _load("gtea", root)
    (root / "splits" / "test.split1.bundle").write_text("v0.txt\n")
    with pytest.raises(DataError, match="a video must not be used for both training and test, but got v0 in"):
        _load("gtea", root)
    (root / "splits" / "train.split1.bundle").unlink()
    with pytest.raises(DataError, match=r"a text file is needed, but got .*train\.split1\.bundle"):
        _load("gtea", root)


@pytest.mark.parametrize("granularity", ["salads50_svm", "salads50_svm_eval", "synthetic"])
def test_a_perfect_segmentation_scores_one_and_an_empty_one_zero(tmp_path: Path, granularity) -> None:
    root = None
    if granularity != "synthetic":
        root = tmp_path
        for number in (1, 2):
            _write_svm(root, number, granularity="eval" if granularity.endswith("eval") else "mid")
    data = _load(granularity, root, split="published" if root else "new_videos")
    perfect = TASK.score(data, {one.name: one.reference for one in data.test}, tolerance_s=5.0)
    assert perfect.f1 == 1.0 and set(perfect.measures.values()) == {1.0}
    nothing = {one.name: EventList([], [], one.reference.duration_s) for one in data.test}
    empty = TASK.score(data, nothing, tolerance_s=5.0)
    assert empty.f1 == 0.0 and set(empty.measures.values()) == {0.0}


def test_rendered_videos_depend_on_the_seed() -> None:
    first, again = (_load("synthetic", None, split="new_videos") for _ in range(2))
    assert first.fingerprint == again.fingerprint
    np.testing.assert_array_equal(first.train[3].features, again.train[3].features)
    other = TASK.load(
        DataRequest("segmentation", "synthetic", "new_videos", 0, "plain", 1),
        data_root=None,
        cache_dir=Path("unused"),
    )
    assert other.fingerprint != first.fingerprint
    assert all(len(one.reference) >= 5 for one in first.train)


@pytest.mark.data
@pytest.mark.parametrize(("source", "accuracy"), [("salads50_svm", 0.541), ("salads50_svm_eval", 0.689)])
def test_recorded_scores_have_the_expected_accuracy(source: str, accuracy: float) -> None:
    """The accuracy of the classifier is that of the files, so classes and scores belong together."""
    right = []
    for fold in range(4):
        data = _load(source, recorded("salads50"), fold=fold)
        assert len(data.test) == 10 and len(data.train) == 30
        for recording in data.test:
            true = recording.grid.label(recording.reference, n_channels=len(data.channel_names)).argmax(
                axis=0
            )
            right.append(np.mean(recording.features.argmax(axis=1) == true))
    assert np.mean(right) == pytest.approx(accuracy, abs=0.001)
