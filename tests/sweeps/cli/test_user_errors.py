"""A user error prints one line and exits with status 2; nothing is started or written."""

from __future__ import annotations

from pathlib import Path

import pytest

from sweeps.cli import app as cli
from sweeps.planning.data import DataRoots

GOOD = """\
name: mine
task: drums
data: mdb
trials: 2
design: random
space:
  label_noise: {uniform: [0ms, 100ms]}
"""


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SOFTLOC_CACHE", str(tmp_path / "cache"))


def softloc(
    *arguments: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> tuple[int, str, str]:
    monkeypatch.setattr("sys.argv", ["softloc", *arguments])
    with pytest.raises(SystemExit) as caught:
        cli.main()
    out, err = capsys.readouterr()
    return int(caught.value.code or 0), out, err


@pytest.mark.parametrize(
    ("line", "replacement", "message"),
    [
        ("trials: 2", "trails: 2", "`trails` must be a known key; did you mean trials?"),
        ("[0ms, 100ms]", "[0, 100]", "must carry a unit (ms, s, frames, tol; for example 100ms), but got 0"),
        ("task: drums", "task: drumz", "`task` must be one of"),
        ("data: mdb", "data: mdx", "`data` must be one of"),
        ("data: mdb", "data: mdb\nfixed: {loss: best}", "`fixed.loss` must be one of"),
        ("[0ms, 100ms]", "[50ms, 50ms]", "with low below high (it is empty), but got [50ms, 50ms]"),
        ("data: mdb", "data: mdb", "must be given with --data-root DIR"),
    ],
)
def test_a_wrong_study_prints_one_line_and_exits_with_status_2(
    line: str, replacement: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    text = GOOD.replace(line, replacement)
    if message.startswith(("`fixed.loss`", "with low")):
        text = text.replace("data: mdb", "data: synthetic")
    (tmp_path / "mine.yaml").write_text(text)
    status, out, err = softloc("run", "mine.yaml", capsys=capsys, monkeypatch=monkeypatch)
    assert status == 2
    assert out == ""
    assert message in err
    assert len(err.strip().splitlines()) == 1
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("run", "no_such_study"),
            "a study must be a shipped one (across_tasks, digits_canvases, digits_paper, drums_210, ",
        ),
        (("run", "quickstart", "--set", "nonsense"), "--set must be key=value, but got nonsense"),
        (("run", "quickstart", "--cpus", "0", "--trials", "2"), "--cpus must be at least 1, but got 0"),
        (("run", "quickstart", "--max-hours", "0"), "--max-hours must be above 0, but got 0"),
        (("run", "quickstart", "--max-trials", "0"), "--max-trials must be at least 1, but got 0"),
        (("run", "quickstart", "--max-failures", "0"), "--max-failures must be at least 1, but got 0"),
        (("plan", "no_such_study"), "a study must be a shipped one"),
        (("plan", "quickstart", "--cpus", "0"), "--cpus must be above 0, but got 0"),
        (("plan", "drums_210", "--data", "mdb", "--data-root", "nowhere"), "--data-root must be a folder"),
        (("pareto", "nowhere"), "a study's folder must hold study.yaml, but nowhere does not"),
        (("run", "quickstart", "--trials", "3"), "`trials` must be a multiple of 2"),
        (("run", "quickstart", "--out", "zz://x", "--trials", "2"), "--out must be a folder or an address"),
        (
            ("run", "drums_210", "--data", "mdb", "--data-root", "nowhere"),
            "--data-root must be a folder, but got",
        ),
        (("status", "nowhere"), "a study's folder must hold study.yaml, but nowhere does not"),
        (("surface", "nowhere"), "nowhere"),
        (("dashboard", "nowhere"), "a study's folder must hold mlflow.db, but nowhere does not"),
        (("mlflow", "rebuild", "nowhere"), "a study's folder must hold study.yaml, but nowhere does not"),
        (("data", "check", "drums", "--data", "mdx"), "`data` must be one of"),
        (("data", "check", "drumz", "--data", "mdb"), "`task` must be one of"),
    ],
)
def test_a_wrong_argument_prints_one_line_and_exits_with_status_2(
    arguments: tuple[str, ...], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr("sweeps.execution.runner.load_data", _instant_data)
    status, out, err = softloc(*arguments, capsys=capsys, monkeypatch=monkeypatch)
    assert (status, out) == (2, "")
    assert message in err
    assert len(err.strip().splitlines()) == 1
    assert not (tmp_path / "runs").exists()


def _instant_data(study: object, **arguments: object) -> object:
    """Return drums data without rendering it; these tests need only its frame rate."""
    from sweeps.planning import data as study_data
    from sweeps.testing.simulation import SimulatedTask

    if arguments["data_root"] != DataRoots():
        return study_data.load_data(study, **arguments)  # type: ignore[arg-type]
    [request] = study_data.data_requests(study)  # type: ignore[arg-type]
    data = SimulatedTask().load(
        type(request)("simulated", "plain", "fixed", 0, "none", 0), data_root=None, cache_dir=Path("unused")
    )
    return {request: data}


def test_a_data_root_without_recordings_is_rejected(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "empty").mkdir()
    arguments = ("data", "check", "drums", "--data", "mdb", "--data-root", "empty")
    status, _, err = softloc(*arguments, capsys=capsys, monkeypatch=monkeypatch)
    assert status == 2
    assert "empty" in err
    assert len(err.strip().splitlines()) <= 2
    assert "Traceback" not in err


def test_help_shows_examples(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    for command in ("run", "plan", "pareto", "surface", "status", "dashboard"):
        status, out, _ = softloc(command, "--help", capsys=capsys, monkeypatch=monkeypatch)
        assert status == 0
        assert f"softloc {command}" in out.replace("\n", " ")


def test_studies_and_tasks_are_listed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, out, _ = softloc("studies", capsys=capsys, monkeypatch=monkeypatch)
    assert {line.split(":")[0] for line in out.splitlines()} >= {
        "quickstart",
        "drums_210",
        "drums_noise_levels",
        "losses_mdb",
    }
    _, out, _ = softloc("tasks", capsys=capsys, monkeypatch=monkeypatch)
    assert "--data mdb: " in out
    assert "needs --data-root" in out


@pytest.mark.parametrize(
    ("out", "message"),
    [
        ("afile", "--out must be a folder that can be read, but afile/mine: "),
        ("/proc/nowhere", "--out must be a writable folder, but /proc/nowhere/mine: No such file or"),
    ],
)
def test_an_unwritable_folder_is_rejected(
    out: str,
    message: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sweeps.execution.runner.load_data", _instant_data)
    (tmp_path / "afile").write_text("a file")
    (tmp_path / "mine.yaml").write_text(GOOD.replace("mdb", "synthetic"))
    arguments = ("run", "mine.yaml", "--set", "loss=softloc", "--out", out)
    status, _, err = softloc(*arguments, capsys=capsys, monkeypatch=monkeypatch)
    assert status == 2
    assert message in err
    assert len(err.strip().splitlines()) == 1


def test_unwritable_figures_print_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    example = Path(__file__).parents[3] / "analysis" / "examples" / "golf_losses"
    arguments = ("recommend", str(example), "--label-noise", "50ms", "--out-dir", "/proc/nowhere")
    status, _, err = softloc(*arguments, capsys=capsys, monkeypatch=monkeypatch)
    assert status == 2
    assert "softloc: files must be readable and their folder writable, but got: " in err
    assert "Traceback" not in err
