"""puffMarker: CSV files, splits that leave a person out, and messages for all kinds of damage."""

import numpy as np
import pytest

from softloc_core.errors import DataError
from softloc_core.tasks import TASKS, DataRequest

PUFFS = TASKS.get("puffs")
USERS = (10, 11, 12, 14, 15, 16)


def write_person(root, user, *, sessions=(6, 9), seed=None, header=False):
    """Write rows of 39 columns with gaps of the time stamp between sessions. Every third breath is a puff."""
    rng = np.random.default_rng(user if seed is None else seed)
    n_rows = sum(sessions)
    table = rng.normal(size=(n_rows, 39)).round(4)
    table[:, 0] = np.arange(n_rows) * 4000 + np.repeat(np.arange(len(sessions)) * 10_000_000, sessions)
    label = (np.arange(n_rows) % 3 == 1).astype(int)
    lines = [",".join(f"{value:.10g}" for value in row) for row in table]
    titles = [",".join(f"column {k}" for k in range(39))] if header else []
    (root / f"features_{user}.csv").write_text("\n".join([*titles, *lines]) + "\n")
    marks = [f"{row},0.1,0.9,{value}" for row, value in enumerate(label)]
    titles = ["row,a,b,label"] if header else []
    (root / f"predictions_{user}.csv").write_text("\n".join([*titles, *marks]) + "\n")
    return table, label


@pytest.fixture
def root(tmp_path):
    for user in USERS:
        write_person(tmp_path, user)
    return tmp_path


def load(root, *, split="leave_one_out", fold=0):
    request = DataRequest("puffs", "puffmarker", split, fold, "plain", 0)
    return PUFFS.load(request, data_root=root, cache_dir=root / "cache")


def problems(root):
    return PUFFS.check("puffmarker", data_root=root).problems


@pytest.mark.parametrize("header", [False, True])
def test_sessions_are_cut_at_gaps_of_the_time_stamp(root, header):
    table, label = write_person(root, 10, sessions=(6, 9), header=header)
    first, second = load(root).test
    assert (first.name, second.name) == ("user_10_session_00", "user_10_session_01")
    np.testing.assert_allclose(np.concatenate([first.features, second.features]), table[:, 2:], rtol=1e-6)
    np.testing.assert_array_equal(first.reference.time_s, np.flatnonzero(label[:6]))
    np.testing.assert_array_equal(second.reference.time_s, np.flatnonzero(label[6:]))
    assert (first.hop_s, first.reference.duration_s, second.group) == (1.0, 6.0, "user_10")


def test_each_person_is_left_out_once(root):
    tested = [{recording.group for recording in load(root, fold=fold).test} for fold in range(6)]
    assert tested == [{f"user_{user}"} for user in USERS]
    for fold in range(6):
        data = load(root, fold=fold)
        assert not {r.group for r in data.train} & {r.group for r in data.test}
        assert len({r.group for r in data.train}) == 5


def test_training_folds_never_include_the_test_person(root):
    for fold in range(6):
        data = load(root, split="train_cv", fold=fold)
        groups = {r.group for r in (*data.train, *data.validation, *data.test)}
        assert f"user_{USERS[fold]}" not in groups and len(groups) == 5
        assert {r.group for r in data.test} == {f"user_{USERS[(fold + 1) % 6]}"}


@pytest.mark.parametrize(("split", "skipped"), [("leave_one_out_validated", 0), ("train_cv", 1)])
def test_another_person_validates(root, split, skipped):
    for fold in range(6):
        data = load(root, split=split, fold=fold)
        people = [{r.group for r in part} for part in (data.test, data.validation, data.train)]
        assert people[:2] == [{f"user_{USERS[(fold + skipped + k) % 6]}"} for k in (0, 1)]
        assert len(people[2]) == 4 - skipped and not people[2] & (people[0] | people[1])


def test_fewer_people_have_fewer_folds(tmp_path):
    for user in (10, 9):
        write_person(tmp_path, user)
    assert {r.group for r in load(tmp_path).test} == {"user_9"}
    with pytest.raises(DataError, match="fold 2 of the split leave_one_out needs a recording to test"):
        load(tmp_path, fold=2)


def test_messages_name_missing_files(root):
    with pytest.raises(DataError, match="`--data-root` must name puffMarker's folder, but got none"):
        PUFFS.load(
            DataRequest("puffs", "puffmarker", "leave_one_out", 0, "plain", 0), data_root=None, cache_dir=root
        )
    (root / "predictions_12.csv").unlink()
    (found,) = problems(root)
    assert "each features file needs its labels, but got none at" in found and "features_12.csv" in found
    for path in root.glob("*.csv"):
        path.unlink()
    with pytest.raises(DataError, match=r"must contain features_<user>.csv, but got none in"):
        load(root)


def broken(root, name, change):
    path = root / name
    lines = path.read_text().splitlines()
    path.write_text("\n".join(change(lines)) + "\n")
    return problems(root)


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        (
            "features_11.csv",
            lambda lines: [*lines[:3], lines[3] + ",1", *lines[4:]],
            "a row must have 39 columns, but got 40 in {path}, line 4",
        ),
        (
            "predictions_11.csv",
            lambda lines: [*lines[:2], "1,2", *lines[3:]],
            "a row must have at least 4 columns, but got 2 in {path}, line 3",
        ),
        (
            "features_11.csv",
            lambda lines: [lines[0], lines[1].replace(",", ",deep,", 1).rsplit(",", 1)[0], *lines[2:]],
            "cells must be finite numbers, but got 'deep' in {path}, line 2, column 2",
        ),
        (
            "features_11.csv",
            lambda lines: [*lines[:5], "nan," + lines[5].split(",", 1)[1], *lines[6:]],
            "cells must be finite numbers, but got 'nan' in {path}, line 6, column 1",
        ),
        (
            "predictions_11.csv",
            lambda lines: [*lines[:4], "0,0,0,2", *lines[5:]],
            "labels must be 0 or 1, but got 2 in {path}, data row 5",
        ),
        (
            "predictions_11.csv",
            lambda lines: lines[:-2],
            "features and labels must have the same number of rows, but got 15 in",
        ),
        ("features_11.csv", lambda lines: [], "a table must have at least one row, but got none in {path}"),
        (
            "predictions_11.csv",
            lambda lines: [lines[0] + ",7", *lines[1:]],
            "all rows must have the same number of columns, but got different numbers in {path}",
        ),
    ],
)
def test_messages_name_the_file_and_the_line(root, name, change, message):
    (found,) = broken(root, name, change)
    assert message.format(path=root / name) in found
    with pytest.raises(DataError):
        load(root)


def test_scores_are_exact_and_tolerances_are_in_breaths(root):
    data = load(root)
    perfect = {r.name: r.reference for r in data.test}
    late = {
        r.name: r.reference.moved(np.minimum(r.reference.time_s + 1, r.grid.n_frames - 1)) for r in data.test
    }
    assert PUFFS.score(data, perfect, tolerance_s=PUFFS.tolerance_s).f1 == 1.0
    assert PUFFS.score(data, late, tolerance_s=PUFFS.tolerance_s).f1 == 0.0
    assert PUFFS.score(data, late, tolerance_s=1.0).f1 == 1.0
