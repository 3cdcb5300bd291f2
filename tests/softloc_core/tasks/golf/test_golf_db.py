"""GolfDB: layout, splits that keep videos together, and messages for all kinds of damage."""

import numpy as np
import pytest
from hypothesis import given, strategies as st

from softloc_core.errors import ConfigError, DataError
from softloc_core.tasks import TASKS, DataRequest
from softloc_core.tasks.golf.annotations import GOLF_CHANNELS
from softloc_core.tasks.golf.golf_db import clip_tolerance_s
from tests.recorded_data import recorded
from tests.softloc_core.tasks.golf.golf_files import (
    event_row,
    write_annotations,
    write_features,
    write_golfdb,
)

GOLF = TASKS.get("golf")
HOP_S = 1 / 30


def load(root, *, split="videos", fold=0, features="plain"):
    request = DataRequest("golf", "golfdb", split, fold, features, 0)
    return GOLF.load(request, data_root=root, cache_dir=root / "cache")


def problems(root):
    return GOLF.check("golfdb", data_root=root).problems


@pytest.fixture
def rows(tmp_path):
    return write_golfdb(tmp_path)


def test_clips_are_read_as_they_were_written(tmp_path, rows):
    data = load(tmp_path)
    recordings = {recording.name: recording for recording in (*data.train, *data.test)}
    assert sorted(recordings) == [f"clip_{row[0]:04d}" for row in rows]
    with np.load(tmp_path / "features.npz") as file:
        probs = file["frame_probs"]
    np.testing.assert_array_equal(
        np.concatenate([recordings[f"clip_{row[0]:04d}"].features for row in rows]), probs
    )
    for row in rows:
        recording = recordings[f"clip_{row[0]:04d}"]
        frames = np.array(row[-1][1:-1]) - row[-1][0]
        np.testing.assert_array_equal(recording.grid.to_frames(recording.reference.time_s), frames)
        np.testing.assert_array_equal(recording.reference.channel, np.arange(8))
        assert (recording.group, recording.hop_s) == (row[1], HOP_S)
        assert recording.label is recording.reference


def test_each_clip_has_its_own_tolerance(tmp_path, rows):
    data = load(tmp_path)
    by_name = {recording.name: recording.tolerance_s for recording in (*data.train, *data.test)}
    for row in rows:
        events = row[-1]
        frames = max(np.round((events[6] - events[1]) / 30), 1)
        assert frames < by_name[f"clip_{row[0]:04d}"] / HOP_S < frames + 0.01
    assert len({round(tolerance_s / HOP_S) for tolerance_s in by_name.values()}) > 1


@given(st.lists(st.integers(0, 400), min_size=8, max_size=8, unique=True).map(sorted))
def test_a_tolerance_includes_its_bound_but_no_further_frame(frames):
    tolerance_s = clip_tolerance_s(np.array(frames))
    allowed = max(round((frames[5] - frames[0]) / 30), 1)
    for k in range(0, 1000, 37):
        assert (
            abs((k + allowed) * HOP_S - k * HOP_S) <= tolerance_s < abs((k + allowed + 1) * HOP_S - k * HOP_S)
        )


@pytest.mark.parametrize("split", ["videos", "published", "train_cv"])
def test_no_video_is_in_both_parts_of_a_split(tmp_path, rows, split):
    n_folds = GOLF.sources["golfdb"].splits[split]
    tested = []
    for fold in range(n_folds):
        data = load(tmp_path, split=split, fold=fold)
        assert not {r.group for r in data.train} & {r.group for r in data.test}
        tested += [recording.name for recording in data.test]
    assert len(tested) == len(set(tested))
    if split != "train_cv":
        assert len(tested) == len(rows)


def test_the_published_split_is_the_split_column_of_the_annotation(tmp_path, rows):
    for fold in range(4):
        names = [f"clip_{row[0]:04d}" for row in rows if row[3] == fold + 1]
        assert [recording.name for recording in load(tmp_path, split="published", fold=fold).test] == names


def test_training_folds_never_include_test_clips(tmp_path, rows):
    scored = {recording.name for recording in load(tmp_path).test}
    for fold in range(3):
        data = load(tmp_path, split="train_cv", fold=fold)
        assert not scored & {recording.name for recording in (*data.train, *data.test)}


def test_clips_of_a_single_split_have_no_published_split(tmp_path):
    rng = np.random.default_rng(1)
    rows = [(k, f"video{k}", "player", 1, event_row(rng)) for k in range(8)]
    write_annotations(tmp_path, rows)
    write_features(tmp_path / "split1.npz", rows)
    with pytest.raises(
        DataError, match="fold 0 of the split published needs a recording to train, but got none"
    ):
        load(tmp_path, split="published")
    assert len(load(tmp_path, split="videos").test) == 2


def test_features_may_have_any_width_several_files_and_no_labels(tmp_path):
    rng = np.random.default_rng(1)
    rows = [(k, f"video{k}", "player", 1 + k % 4, event_row(rng)) for k in range(8)]
    write_annotations(tmp_path, rows)
    write_features(tmp_path / "a.npz", rows[:4], n_bands=20, frame_labels=None)
    write_features(tmp_path / "b.npz", rows[4:], n_bands=20, frame_labels=None)
    data = load(tmp_path)
    assert len(data.train) + len(data.test) == 8
    assert data.train[0].features.shape[1] == 20


def test_events_may_be_out_of_order(tmp_path):
    # In one swing of GolfDB, two events around the impact are exchanged.
    events = [0, 10, 20, 30, 40, 50, 61, 60, 80, 90]
    write_annotations(tmp_path, [(k, f"video{k}", "player", 1, events) for k in range(4)])
    write_features(tmp_path / "f.npz", [(k, "", "", 1, events) for k in range(4)])
    assert problems(tmp_path) == ()
    np.testing.assert_array_equal(load(tmp_path).test[0].reference.channel, [0, 1, 2, 3, 4, 6, 5, 7])


def test_a_perfect_estimate_scores_one_and_an_empty_one_zero(tmp_path, rows):
    data = load(tmp_path)
    perfect = GOLF.score(data, {r.name: r.reference for r in data.test}, tolerance_s=GOLF.tolerance_s)
    assert (perfect.f1, perfect.measures["pce"], perfect.timing_mean_s) == (1.0, 1.0, 0.0)
    assert {f"pce_{name}" for name in GOLF_CHANNELS} < set(perfect.measures)
    late = {
        r.name: r.reference.moved(r.reference.time_s + np.round(r.tolerance_s / HOP_S) * HOP_S)
        for r in data.test
    }
    assert GOLF.score(data, late, tolerance_s=GOLF.tolerance_s).f1 == 1.0
    later = {
        r.name: r.reference.moved(r.reference.time_s + (np.round(r.tolerance_s / HOP_S) + 1) * HOP_S)
        for r in data.test
    }
    scores = GOLF.score(data, later, tolerance_s=GOLF.tolerance_s)
    assert scores.f1 == scores.measures["pce"] == 0.0
    assert scores.measures["offset_median_s"] > HOP_S


def test_other_front_ends_are_rejected(tmp_path, rows):
    with pytest.raises(ConfigError, match="`features` must be one of plain, but got log_mel_48"):
        load(tmp_path, features="log_mel_48")


def test_messages_name_missing_files(tmp_path, rows):
    with pytest.raises(DataError, match="`--data-root` must name GolfDB's folder, but got none"):
        GOLF.load(DataRequest("golf", "golfdb", "videos", 0, "plain", 0), data_root=None, cache_dir=tmp_path)
    (tmp_path / "features.npz").unlink()
    with pytest.raises(DataError, match=r"must contain features of frames in .npz files, but got none in"):
        load(tmp_path)
    (tmp_path / "golfDB.mat").unlink()
    with pytest.raises(DataError, match=r"`--data-root` must contain golfDB.mat, but got none at"):
        load(tmp_path)


def test_messages_name_files_in_other_formats(tmp_path, rows):
    (tmp_path / "more.npz").write_text("no arrays")
    (found,) = problems(tmp_path)
    assert "features must be an .npz file of arrays, but got" in found and "more.npz" in found
    (tmp_path / "golfDB.mat").write_text("no annotations")
    assert "annotations must be a MATLAB file, but got" in problems(tmp_path)[0]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"clip_id": None}, r"clip_id must be an array with 1 axes, but got no such array in"),
        ({"frame_probs": np.zeros(7)}, r"frame_probs must be an array with 2 axes, but got 1 axes in"),
        (
            {"clip_frames": np.array([5, 5])},
            r"clip_frames must be at least 1 for each clip and \d+ in total",
        ),
        ({"frame_labels": np.zeros(3)}, r"frame_labels must have \d+ values, but got 3 in"),
    ],
)
def test_messages_name_arrays_that_do_not_fit(tmp_path, rows, changed, message):
    write_features(tmp_path / "features.npz", rows, **changed)
    with pytest.raises(DataError, match=message):
        load(tmp_path)


def test_messages_name_a_clip_that_does_not_fit_its_annotation(tmp_path, rows):
    events = list(rows[0][-1])
    longer = [(*rows[0][:-1], [*events[:-1], events[-1] + 3])]
    write_features(tmp_path / "features.npz", [*longer, *rows[1:]])
    (found,) = problems(tmp_path)
    assert "clip 10 must have the" in found and "features.npz" in found
    events[1] += 1
    write_features(tmp_path / "features.npz", [(*rows[0][:-1], events), *rows[1:]])
    (found,) = problems(tmp_path)
    assert "clip 10 must have the labels of its annotation, but got 8 in frame" in found


def test_messages_name_features_that_are_not_finite(tmp_path, rows):
    with np.load(tmp_path / "features.npz") as file:
        probs = file["frame_probs"]
    probs[3, 2] = np.nan
    write_features(tmp_path / "features.npz", rows, frame_probs=probs)
    (found,) = problems(tmp_path)
    assert "clip 10 must have finite features, but got others in frame 3" in found


def test_messages_name_unknown_and_repeated_clips(tmp_path, rows):
    write_features(tmp_path / "more.npz", [rows[0]])
    (found,) = problems(tmp_path)
    assert "a clip must occur once, but got 10 in features.npz and" in found and "more.npz" in found
    write_features(tmp_path / "more.npz", [(999, *rows[0][1:])])
    (found,) = problems(tmp_path)
    assert "a clip must be one of golfDB.mat, but got 999 in" in found


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda row: (*row[:4], row[4][:-1]),
            r"events must be 10 frames .* but got 9 in .*golfDB.mat, row 2",
        ),
        (lambda row: (*row[:4], [*row[4][:-2], 9999, row[4][-1]]), r"events must lie between .*row 2"),
        (lambda row: (*row[:3], 5, row[4]), r"split must be 1 to 4, but got 5 in .*row 2"),
        (lambda row: (10, *row[1:]), r"each swing must occur once, but got 10 again in .*row 2"),
    ],
)
def test_messages_name_unusable_rows_of_the_annotation(tmp_path, rows, change, message):
    write_annotations(tmp_path, [rows[0], change(rows[1]), *rows[2:]])
    with pytest.raises(DataError, match=message):
        load(tmp_path)


def test_an_annotation_with_missing_fields_is_rejected(tmp_path, rows):
    from scipy.io import savemat

    savemat(tmp_path / "golfDB.mat", {"golfDB": np.zeros((1, 2), dtype=[("id", object)])})
    with pytest.raises(DataError, match="but got none named youtube_id, split, events in"):
        load(tmp_path)


@pytest.mark.data
def test_recorded_clips_are_of_split_1_and_their_features_reveal_the_events():
    root = recorded("golfdb")
    report = GOLF.check("golfdb", data_root=root)
    assert report.problems == () and len(report.recordings) == 261
    assert set(report.n_events.values()) == {261}
    with pytest.raises(
        DataError, match="the split published needs a recording to train, but got none of 261"
    ):
        load(root, split="published")
    data = load(root)
    assert not {r.group for r in data.train} & {r.group for r in data.test}
    # The features are outputs of a network trained on clean labels of other clips.
    from softloc_core.decoding import OneEach, decode

    estimated = {
        r.name: decode(
            r.features.T[:8].astype(float), OneEach(), grid=r.grid, duration_s=r.reference.duration_s
        )
        for r in data.test
    }
    assert GOLF.score(data, estimated, tolerance_s=GOLF.tolerance_s).f1 > 0.75
