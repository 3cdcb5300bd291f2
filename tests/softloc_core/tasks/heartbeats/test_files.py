"""MIT-BIH records as WFDB and .npz files: reading, splits, and messages that name the bad file."""

import sys
import warnings
from pathlib import Path

import numpy as np
import pytest

from softloc_core.errors import ConfigError, DataError
from softloc_core.tasks import TASKS, DataRequest
from softloc_core.tasks.heartbeats.files import person_of, read_record, record_files
from softloc_core.tasks.heartbeats.mit_bih import MitBihSource

N_SAMPLES = 720


def write_npz(folder: Path, name: str, **changed: object) -> Path:
    rng = np.random.default_rng(int(name))
    content = {
        "signal_mv": rng.normal(size=N_SAMPLES).astype(np.float32),
        "rate_hz": 360,
        "beat_sample": np.array([100, 350, 600]),
        "pvc_sample": np.array([350]),
        **changed,
    }
    path = folder / f"{name}.npz"
    np.savez(path, **{key: value for key, value in content.items() if value is not None})
    return path


def write_wfdb(folder: Path, name: str, *, leads: list[str], rate_hz: int = 360) -> np.ndarray:
    wfdb = pytest.importorskip("wfdb")
    signal = np.random.default_rng(0).normal(size=(N_SAMPLES, len(leads))).round(2)
    symbols, samples = ["+", "N", "V", "~", "/"], [20, 100, 350, 400, 600]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # from wfdb with newer versions of pandas
        wfdb.wrsamp(
            name, fs=rate_hz, units=["mV"] * len(leads), sig_name=leads, p_signal=signal,
            fmt=["212"] * len(leads), adc_gain=[200] * len(leads), baseline=[1024] * len(leads),
            write_dir=str(folder),
        )  # fmt: skip
        wfdb.wrann(name, "atr", np.array(samples), symbol=symbols, write_dir=str(folder))
    return signal


def request(split: str, fold: int = 0) -> DataRequest:
    return DataRequest("heartbeats", "mit_bih", split, fold=fold, features="ecg_60", seed=0)


def test_npz_files_are_read(tmp_path):
    record = read_record(write_npz(tmp_path, "100"))
    assert (record.name, record.group, len(record.signal_mv)) == ("100", "100", N_SAMPLES)
    reference = record.reference
    assert reference.duration_s == 2.0
    np.testing.assert_allclose(reference.channel_time_s(0), np.array([100, 350, 600]) / 360)
    np.testing.assert_allclose(reference.channel_time_s(1), [350 / 360])


def test_wfdb_files_are_read_with_beats_only_and_lead_mlii(tmp_path):
    signal = write_wfdb(tmp_path, "114", leads=["V5", "MLII"])
    record = read_record(tmp_path / "114.hea")
    np.testing.assert_allclose(record.signal_mv, signal[:, 1], atol=0.003)
    assert record.beat_sample.tolist() == [100, 350, 600] and record.pvc_sample.tolist() == [350]


def test_wfdb_and_npz_files_have_equal_records(tmp_path):
    signal = write_wfdb(tmp_path, "102", leads=["V5", "V2"])
    (tmp_path / "npz").mkdir()
    of_wfdb = read_record(tmp_path / "102.hea")
    of_npz = read_record(write_npz(tmp_path / "npz", "102", signal_mv=of_wfdb.signal_mv))
    np.testing.assert_allclose(of_wfdb.signal_mv, signal[:, 0], atol=0.003)
    assert of_wfdb.reference == of_npz.reference


def test_a_message_asks_for_wfdb_if_it_is_missing(tmp_path, monkeypatch):
    (tmp_path / "100.hea").write_text("100 2 360 650000\n")
    monkeypatch.setitem(sys.modules, "wfdb", None)
    message = r"reading .*100.* needs the package wfdb, but it is not installed: pip install wfdb"
    with pytest.raises(DataError, match=message):
        read_record(tmp_path / "100.hea")


@pytest.mark.parametrize("suffix", [".dat", ".atr"])
def test_an_incomplete_wfdb_record_is_rejected(tmp_path, suffix):
    write_wfdb(tmp_path, "100", leads=["MLII"])
    (tmp_path / f"100{suffix}").unlink()
    with pytest.raises(DataError, match=rf"every record needs its {suffix} file, but got .*100.hea without"):
        read_record(tmp_path / "100.hea")


def test_damaged_wfdb_files_are_rejected(tmp_path):
    write_wfdb(tmp_path, "100", leads=["MLII"])
    (tmp_path / "100.hea").write_text("what is this\n")
    with pytest.raises(DataError, match=r"a record must be readable by wfdb, but got .* in .*100\.hea"):
        read_record(tmp_path / "100.hea")


def test_wfdb_records_with_another_sampling_rate_are_rejected(tmp_path):
    write_wfdb(tmp_path, "100", leads=["MLII"], rate_hz=250)
    with pytest.raises(DataError, match=r"a record must be sampled at 360 Hz, but got 250 Hz in .*100\.hea"):
        read_record(tmp_path / "100.hea")


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"pvc_sample": None}, "a record must contain signal_mv, rate_hz, .*, but got no pvc_sample in"),
        ({"rate_hz": 128}, "a record must be sampled at 360 Hz, but got 128 Hz in"),
        ({"signal_mv": np.full(720, np.nan)}, "a signal must be finite, but got nan at sample 0 in"),
        ({"signal_mv": np.zeros((2, 720))}, r"must be one-dimensional, but got the shape \(2, 720\)"),
        ({"beat_sample": np.array([100, 720])}, "a beat must lie within samples 0 to 719, but got 720"),
        ({"beat_sample": np.array([350, 100])}, "samples of a beat must ascend, but got 100 after 350"),
        ({"pvc_sample": np.array([351])}, "a pvc must be one of the beats, but got sample 351 in row 0 in"),
    ],
)  # fmt: skip
def test_messages_name_the_file(tmp_path, changed, message):
    path = write_npz(tmp_path, "100", **changed)
    with pytest.raises(DataError, match=message) as caught:
        read_record(path)
    assert str(path) in str(caught.value)


def test_a_damaged_npz_file_is_rejected(tmp_path):
    (tmp_path / "100.npz").write_text("nothing")
    with pytest.raises(DataError, match=r"a record must be a numpy \.npz file, but got .* in .*100\.npz"):
        read_record(tmp_path / "100.npz")


def test_the_folder_must_contain_records_each_of_them_once(tmp_path):
    with pytest.raises(ConfigError, match=r"`--data-root` must name the folder that contains <record>\.hea"):
        record_files(None)
    with pytest.raises(
        DataError, match=r"`--data-root` must contain <record>\.hea, .* but got none of them in"
    ):
        record_files(tmp_path)
    (tmp_path / "100.hea").touch()
    write_npz(tmp_path, "100")
    with pytest.raises(DataError, match=r"every record must exist once, but got 100\.hea and 100\.npz in"):
        record_files(tmp_path)


def test_splits_keep_persons_together_and_folds_never_include_test_records(tmp_path):
    names = ["100", "101", "102", "105", "108", "109", "121", "200", "201", "202", "203", "205"]
    for name in names:
        write_npz(tmp_path, name)
    source = MitBihSource()
    by_record = source.split(request("by_record"), tmp_path)
    assert sorted(by_record.all) == names and not set(by_record.train) & set(by_record.test)
    assert {"201", "202"} <= set(by_record.train) or {"201", "202"} <= set(by_record.test)
    validated = source.split(request("by_record_validated"), tmp_path)
    assert validated.test == by_record.test and validated.validation
    assert set(validated.train) | set(validated.validation) == set(by_record.train)
    folds = [source.split(request("train_cv", fold), tmp_path) for fold in (0, 1)]
    assert all(set(fold.all) == set(by_record.train) for fold in folds)
    assert not set(folds[0].test) & set(folds[1].test)
    for fold in folds:
        persons = [{person_of(name) for name in part} for part in (fold.train, fold.validation, fold.test)]
        assert all(persons) and len(set.union(*persons)) == sum(map(len, persons))
    between = source.split(request("inter_patient"), tmp_path)
    assert between.train == ("101", "108", "109", "201", "203", "205")
    assert between.test == ("100", "105", "121", "200")


def test_too_few_records_for_a_split_are_rejected(tmp_path):
    for name in ("101", "108"):
        write_npz(tmp_path, name)
    wanted = "fold 0 of the split by_record_validated needs a recording to validate, but got none of 2"
    with pytest.raises(DataError, match=wanted):
        MitBihSource().split(request("by_record_validated"), tmp_path)
    with pytest.raises(DataError, match="fold 0 of the split inter_patient needs a recording to test"):
        MitBihSource().split(request("inter_patient"), tmp_path)


def test_the_check_reports_every_bad_record(tmp_path):
    write_npz(tmp_path, "100")
    write_npz(tmp_path, "101", rate_hz=100)
    write_npz(tmp_path, "102", pvc_sample=np.array([3]))
    report = TASKS.get("heartbeats").check("mit_bih", data_root=tmp_path)
    assert [recording.name for recording in report.recordings] == ["100"]
    assert len(report.problems) == 3 and "needs a recording to validate" in report.problems[-1]
