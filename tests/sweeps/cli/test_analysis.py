import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sweeps.cli.app import main


@pytest.fixture
def study(tmp_path):
    """Write a study of two losses with the columns that the analysis needs."""
    rng = np.random.default_rng(0)
    n = 60
    noise_s, loss = rng.uniform(0, 0.1, n), np.repeat(["softloc", "cross_entropy"], n // 2)
    falls = np.where(loss == "softloc", 0.5, 6.0)
    trials = pd.DataFrame(
        {
            "study": "small",
            "trial_id": [f"{index:04d}" for index in range(n)],
            "status": "completed",
            "error": "",
            "loss": loss,
            "label_noise_s": noise_s,
            "softness_s": rng.uniform(0, 0.15, n),
            "replicate": 0,
            "f1": 0.9 - falls * noise_s + rng.normal(0, 0.01, n),
            "tolerance_s": 0.05,
            "data_fingerprint": "f" * 16,
            "schema_version": 1,
        }
    )
    (tmp_path / "small" / "trials").mkdir(parents=True)
    table = pa.Table.from_pandas(trials, preserve_index=False)
    pq.write_table(table, tmp_path / "small" / "trials" / "part-0000.parquet")
    return tmp_path / "small"


def run(monkeypatch, *arguments):
    """Run a command, and return its exit status."""
    monkeypatch.setattr("sys.argv", ["softloc", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        main()
    return ended.value.code or 0


@pytest.mark.parametrize(
    ("arguments", "words", "files"),
    [
        (["surface"], "over softness (ms)", ["surface.png", "surface_slices.svg"]),
        (["compare", "--reference", "softloc", "--softness", "80ms"], "robustness radius", ["compare.csv"]),
        (["recommend", "--label-noise", "60ms"], "use softloc with a softness", ["recommend.csv"]),
        (["report"], "single page for any browser", ["report.html"]),
        (["importance"], "Share of the variance of F1", ["importance.png", "importance.csv"]),
        (["surface", "--at", "softness=80ms"], "at softness 80 ms", ["surface_at_softness_80ms.png"]),
    ],
)
def test_commands_print_and_write_their_results(study, monkeypatch, capsys, arguments, words, files):
    assert run(monkeypatch, arguments[0], study, *arguments[1:]) == 0
    printed = capsys.readouterr().out
    assert words in printed
    for name in files:
        assert (study / "figures" / name).stat().st_size > 0
        assert name in printed


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["recommend", "--label-noise", "60"], "`--label-noise` must carry a unit"),
        (
            ["recommend", "--label-noise", "3frames"],
            "`--label-noise` must be finite and in ms or s, such as 20ms",
        ),
        (["recommend", "--label-noise", "300ms"], "`label_noise` must be within the studied range"),
        (["compare", "--softness", "inf"], "`--softness` must be finite and in ms or s"),
        (["compare", "--loss", "count"], "`loss` must be one of cross_entropy, softloc, but got count"),
        (["surface", "--tolerance", "20ms"], "must hold events/*.parquet"),
        (["surface", "--preset", "paper"], "`preset` must be authors, but got paper"),
        (["surface", "--at", "softness"], "`--at` must be NAME=VALUE, such as alpha=0.5 or label_noise=60ms"),
        (["compare", "--at", "alpha=1", "--at", "alpha=2"], "must give each parameter once, but got alpha"),
        (["surface", "--standard-error", "exact"], "`standard_error` must be one of estimator, bootstrap"),
        (["compare", "--standard-error", "exact"], "`standard_error` must be one of estimator, bootstrap"),
    ],
)
def test_a_user_error_prints_one_line_and_exits_with_status_2(study, monkeypatch, capsys, arguments, message):
    assert run(monkeypatch, arguments[0], study, *arguments[1:]) == 2
    printed = capsys.readouterr()
    assert message in printed.err and printed.err.count("\n") == 1 and not printed.out
    assert not (study / "figures").exists()
