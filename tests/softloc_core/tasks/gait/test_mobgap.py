"""Mobilise-D's MATLAB files: layout, reference systems, splits, and messages for all kinds of damage."""

from pathlib import Path

import numpy as np
import pytest
import scipy.io

from softloc_core.errors import ConfigError, DataError
from softloc_core.tasks import TASKS, DataRequest
from softloc_core.tasks.gait.mobgap import MobgapSource, read_stretches

N_SAMPLES = 1500
CONTACTS = {"INDIP": [[2.0, 2.6, 3.2], [6.0, np.nan, 7.0, 7.5, 8.0, 8.5]], "Stereophoto": [[2.05, 2.6, 3.15]]}


def bout(contacts):
    return {"Start": contacts[0], "End": contacts[-1], "InitialContact_Event": np.array(contacts)}


def trial(contacts=CONTACTS, *, n_samples=N_SAMPLES, **sensor):
    rng = np.random.default_rng(0)
    lower_back = {
        "Acc": rng.normal(size=(n_samples, 3)),
        "Gyr": rng.normal(size=(n_samples, 3)),
        "Fs": {"Acc": 100, "Gyr": 100},
        **sensor,
    }
    standards = {
        system: {"MicroWB": np.array([bout(b) for b in bouts], dtype=object) if bouts else [], "Fs": 100}
        for system, bouts in contacts.items()
    }
    return {"SU": {"LowerBack": lower_back}, "Standards": standards}


def write_person(root: Path, name: str, *trials) -> Path:
    folder = root / "HA" / name
    folder.mkdir(parents=True)
    tests = {f"Trial{k + 1}": content for k, content in enumerate(trials)}
    scipy.io.savemat(folder / "data.mat", {"data": {"TimeMeasure1": {"Test5": tests}}})
    return folder / "data.mat"


def request(split: str, fold: int = 0) -> DataRequest:
    return DataRequest("gait", "mobgap", split, fold=fold, features="imu_100", seed=0)


@pytest.fixture
def root(tmp_path):
    for person in ("001", "002", "003"):
        write_person(tmp_path, person, trial())
    return tmp_path


def test_stretches_end_at_a_missing_contact_and_samples_count_from_zero(root):
    stretches, problems = read_stretches(root)
    assert not problems
    of_first = [stretch for stretch in stretches if stretch.person == "HA_001"]
    names = [stretch.name for stretch in of_first]
    assert names == [
        "HA_001 TimeMeasure1.Test5.Trial1 indip 00",
        "HA_001 TimeMeasure1.Test5.Trial1 indip 01",
        "HA_001 TimeMeasure1.Test5.Trial1 stereophoto 00",
    ]
    # The contacts of the first bout are at MATLAB samples 200, 260 and 320, that is 199, 259 and 319 here.
    # Only the one in the middle is within the stretch.
    motion = np.concatenate([trial()["SU"]["LowerBack"][axis] for axis in ("Acc", "Gyr")], axis=1)
    (contact_s,) = of_first[0].contact_s
    first = 259 - round(contact_s * 100)
    assert 199 <= first <= 259 and 259 <= first + len(of_first[0].motion) <= 320
    np.testing.assert_allclose(of_first[0].motion, motion[first : first + len(of_first[0].motion)])
    assert np.diff(of_first[1].contact_s) == pytest.approx([0.5])


@pytest.mark.parametrize("split", ["indip", "stereophoto", "indip_to_stereophoto", "stereophoto_to_indip"])
def test_splits_separate_persons_and_select_systems(root, split):
    train_system, _, test_system = split.partition("_to_")
    persons = []
    for fold in (0, 1):
        parts = MobgapSource().split(request(split, fold), root)
        assert all(f" {train_system} " in name for name in parts.train)
        assert all(f" {test_system or train_system} " in name for name in parts.test)
        of_part = [{name.split()[0] for name in part} for part in (parts.train, parts.test)]
        assert not of_part[0] & of_part[1]
        persons.append(of_part[1])
    assert not persons[0] & persons[1] and persons[0] | persons[1] == {"HA_001", "HA_002", "HA_003"}


def test_other_persons_validate_with_contacts_of_the_training_system(root):
    for person in ("004", "005", "006"):
        write_person(root, person, trial())
    parts = MobgapSource().split(request("indip_to_stereophoto_validated"), root)
    of_part = [{name.split()[0] for name in part} for part in (parts.train, parts.validation, parts.test)]
    assert of_part == [{"HA_002", "HA_004"}, {"HA_006"}, {"HA_001", "HA_003", "HA_005"}]
    assert all(" indip " in name for name in (*parts.train, *parts.validation))


def test_whole_trials_of_the_only_training_person_validate(tmp_path):
    write_person(tmp_path, "001", trial(), trial(), trial())
    write_person(tmp_path, "002", trial())
    parts = MobgapSource().split(request("indip_validated", fold=1), tmp_path)
    trials = [{name.split()[1] for name in part} for part in (parts.train, parts.validation)]
    assert [sorted(part) for part in trials] == [
        ["TimeMeasure1.Test5.Trial2", "TimeMeasure1.Test5.Trial3"],
        ["TimeMeasure1.Test5.Trial1"],
    ]
    assert len(parts.validation) == 2
    with pytest.raises(DataError, match="split indip_validated needs a recording to validate, but got none"):
        MobgapSource().split(request("indip_validated"), tmp_path)


def test_the_gait_task_loads_the_source(root, tmp_path):
    data = TASKS.get("gait").load(request("indip_to_stereophoto"), data_root=root, cache_dir=tmp_path)
    assert data.train[0].features.shape[1] == 6 and data.hop_s == pytest.approx(0.01)
    assert {recording.group for recording in data.train} == {"HA_002"}


def test_too_few_persons_are_rejected(tmp_path):
    write_person(tmp_path, "001", trial())
    with pytest.raises(DataError, match="fold 0 of the split indip needs a recording to train, but got none"):
        MobgapSource().split(request("indip"), tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            trial(Fs={"Acc": 50, "Gyr": 100}),
            "Acc must be sampled at 100 Hz, but got 50 Hz in data.TimeMeasure1",
        ),
        (trial(Gyr=np.zeros((1500, 2))), r"Gyr must be \[sample, 3\], but got the shape \(1500, 2\) in data"),
        (
            trial(Gyr=np.zeros((1400, 3))),
            "must have the same length, but got 1500 and 1400 in data",
        ),
        (
            trial(Acc=np.full((1500, 3), np.inf)),
            r"Acc must be finite, but got \[inf, inf, inf\] in row 0 in data",
        ),
        (
            trial({"INDIP": [[2.0, 16.0]]}),
            "contacts of INDIP must be within 0 to 15 s, but got 16 s in bout 0",
        ),
        (trial({"INDIP": [[2.6, 2.0]]}), "contacts of INDIP must ascend, but got 2 s in bout 0 in data"),
        ({"SU": {"LowerBack": {"Fs": {"Acc": 100}}}}, "a trial must contain Acc, but got no Acc in data"),
        ({"SU": {"Head": {"Fs": 100}}}, "a trial must contain SU.LowerBack, but got no LowerBack in data"),
    ],
)
def test_messages_name_the_file_and_the_trial(tmp_path, content, message):
    path = write_person(tmp_path, "001", content, trial())
    report = TASKS.get("gait").check("mobgap", data_root=tmp_path)
    assert any("Trial2" in recording.name for recording in report.recordings)
    with pytest.raises(DataError, match=message) as caught:
        MobgapSource().split(request("indip"), tmp_path)
    assert "data.TimeMeasure1.Test5.Trial1" in str(caught.value) and str(path) in str(caught.value)


def test_files_in_other_formats_are_rejected(tmp_path):
    path = write_person(tmp_path, "001", trial())
    scipy.io.savemat(path, {"other": 1})
    with pytest.raises(
        DataError, match=r"must contain the struct `data`, but got nothing of that name in .*data\.mat"
    ):
        MobgapSource().split(request("indip"), tmp_path)
    path.write_text("no MATLAB here, and long enough to be looked at as if it were" * 10)
    with pytest.raises(
        DataError, match=r"a person's file must be a MATLAB 5 file, but got .* in .*data\.mat"
    ):
        MobgapSource().split(request("indip"), tmp_path)


def test_a_root_without_persons_is_rejected(tmp_path):
    with pytest.raises(
        ConfigError, match=r"`--data-root` must name the folder that contains <cohort>/<person>/data"
    ):
        read_stretches(None)
    with pytest.raises(
        DataError, match=r"`--data-root` must contain <cohort>/<person>/data.mat, but got none in"
    ):
        read_stretches(tmp_path)
