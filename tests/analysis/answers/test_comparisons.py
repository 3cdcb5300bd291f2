import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st

from analysis.answers.comparisons import Estimate, compare_losses, crossing, robustness_radius
from analysis.errors import AnalysisError
from analysis.reading.results import load_results
from analysis.report.commands import write_compare
from analysis.report.outputs import ReportOptions


@pytest.fixture
def both(write_study, rows):
    return write_study(rows("softloc", 60), rows("cross_entropy", 20))


def test_the_summary_contains_the_simulated_truth(both):
    found = compare_losses(load_results(both), level=0.99)
    summary = found.summary.set_index("loss")
    assert list(summary.index) == ["cross_entropy", "softloc"]
    assert summary.loc["softloc", "softness_ms"] == pytest.approx(65, abs=10)
    assert summary.loc["cross_entropy", "clean_low"] < 0.843 < summary.loc["cross_entropy", "clean_high"]
    # 95 % of 0.843 is met where 0.67 / (1 + exp((x - 45) / 10)) is 0.621, at 19.4 ms.
    radius = summary.loc["cross_entropy"]
    assert radius["radius_ms_low"] < 19.4 < radius["radius_ms_high"]
    difference = found.differences.set_index("noise_ms")
    assert difference.loc[100.0, "difference"] == pytest.approx(0.55, abs=0.05)
    assert difference.loc[50.0, "probability_better"] == 1.0


def test_paired_differences_are_more_certain_than_single_losses(write_study, rows):
    """Both losses suffer from the same wrong labels, so most of the noise cancels in the difference."""
    rng = np.random.default_rng(0)
    noise_s = np.repeat(np.linspace(0, 0.1, 5), 6)
    common = rng.normal(0, 0.03, 30)
    trials = [
        rows(loss, 30).assign(
            label_noise_s=noise_s,
            softness_s=0.1,
            replicate=np.tile(np.arange(6), 5),
            f1=0.8 - 2 * noise_s + gain + common + rng.normal(0, 0.002, 30),
        )
        for loss, gain in (("cross_entropy", 0.0), ("softloc", 0.02))
    ]
    found = compare_losses(load_results(write_study(*trials)), estimator="local_linear", bandwidth=30.0)
    for row in found.differences.itertuples():
        assert 0.0 < row.difference_low < 0.02 < row.difference_high < 0.05
        assert row.probability_better > 0.97
    clean = found.summary.iloc[0]
    assert clean["clean_high"] - clean["clean_low"] > 0.02


def test_test_recordings_widen_the_intervals(write_study, rows, add_events):
    trials = rows("softloc", 40), rows("cross_entropy", 15)
    folder = write_study(*trials)
    without = compare_losses(load_results(folder))
    add_events(folder, pd.concat(trials))
    found = compare_losses(load_results(folder))
    assert found.sources.has_recordings and not without.sources.has_recordings
    widths = [(one.summary["area_high"] - one.summary["area_low"]).mean() for one in (without, found)]
    assert widths[1] > widths[0]


def test_compare_writes_text_figure_and_tables(both):
    output = write_compare(both)
    assert {path.suffix for path in output.paths} == {".png", ".svg", ".csv", ".tex"}
    assert max(map(len, output.text.splitlines())) <= 80
    assert "robustness radius" in output.text and "no events are stored" in " ".join(output.text.split())
    table = pd.read_csv(both / "figures" / "compare.csv")
    assert list(table["loss"]) == ["cross_entropy", "softloc"]
    assert r"cross\_entropy" in (both / "figures" / "compare.tex").read_text()


def test_output_is_reproducible_byte_for_byte(both, tmp_path):
    first, second = (write_compare(both, ReportOptions(out_dir=tmp_path / name)).paths for name in "ab")
    for one, other in zip(first, second, strict=True):
        assert one.read_bytes() == other.read_bytes()


def test_any_column_can_be_compared(write_study, rows):
    trials = rows("softloc", 60)
    trials["network"] = np.where(np.arange(60) % 2, "compact", "paper")
    found = compare_losses(load_results(write_study(trials)), by="network", reference="paper")
    assert list(found.summary["network"]) == ["paper", "compact"]


def test_a_single_loss_has_no_differences(write_study, rows):
    output = write_compare(write_study(rows("softloc", 40)))
    assert "P(better)" not in output.text
    assert "There is nothing to compare: the study has only softloc." in output.text


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"reference": "count"}, "`reference` must be one of cross_entropy, softloc, but got count"),
        ({"only": ["count"]}, "`loss` must be one of cross_entropy, softloc, but got count"),
        ({"level": 1.0}, "`level` must be between 0 and 1, both excluded, but got 1.0"),
        ({"radius_share": 0.0}, "`radius_share` must be between 0 and 1"),
        ({"by": "colour"}, "must have the columns colour"),
    ],
)
def test_invalid_arguments_are_rejected(both, change, message):
    with pytest.raises(AnalysisError, match=message):
        compare_losses(load_results(both), **change)


def test_label_noise_must_vary(write_study, rows):
    study = load_results(write_study(rows("softloc", 20).assign(label_noise_s=0.05)))
    with pytest.raises(AnalysisError, match="compared over label noise, but it does not vary"):
        compare_losses(study)


@given(radius=st.floats(1, 99))
@settings(max_examples=50, deadline=None)
def test_the_radius_of_a_line_is_exact(radius):
    noise_ms = np.linspace(0, 100, 101)
    falling = 1.0 - 0.05 * noise_ms / radius
    assert robustness_radius(noise_ms, falling[None], share=0.95)[0] == pytest.approx(radius)
    assert robustness_radius(noise_ms, np.ones((1, 101)), share=0.95)[0] == np.inf


@given(place=st.floats(1, 99), sign=st.sampled_from([-1.0, 1.0]))
@settings(max_examples=50, deadline=None)
def test_the_crossing_of_a_line_is_exact(place, sign):
    noise_ms = np.linspace(0, 100, 101)
    assert crossing(noise_ms, sign * (noise_ms - place)[None])[0] == pytest.approx(place)
    assert np.isnan(crossing(noise_ms, np.full((1, 101), sign))[0])


def test_an_interval_may_end_beyond_the_studied_range():
    estimate = Estimate.of(70.0, np.array([60.0, 70.0, np.inf, np.nan]), level=0.9)
    assert (estimate.low, estimate.high) == (60.0, np.inf)
    assert np.isnan(Estimate.of(1.0, np.array([np.nan]), level=0.9).low)
