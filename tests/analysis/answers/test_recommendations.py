import numpy as np
import pytest

from analysis.answers.recommendations import recommend
from analysis.errors import AnalysisError
from analysis.reading.results import load_results
from analysis.report.commands import write_recommend
from analysis.text.recommendations import recommendation_text


@pytest.fixture
def both(write_study, rows):
    return write_study(rows("softloc", 80), rows("cross_entropy", 20))


def test_the_recommendation_contains_the_simulated_optimum_and_cost(both):
    found = recommend(load_results(both), label_noise_s=0.06)
    best = found.choices[0]
    assert best.name == "softloc"
    assert best.softness.low <= 72 <= best.softness.high and abs(best.softness.value - 72) < 12
    assert best.value.low < 0.808 < best.value.high
    assert best.cost.low < 0.072 < best.cost.high
    assert best.flat[0] < best.softness.value < best.flat[1]
    assert found.is_certain and found.probability_best > 0.99
    assert "use softloc with a softness of" in recommendation_text(found)


def test_the_text_says_when_the_data_do_not_separate_two_losses(write_study, rows):
    same = rows("softloc", 40), rows("softloc", 40, seed=1).assign(loss="extended")
    found = recommend(load_results(write_study(*same)), label_noise_s=0.05)
    assert not found.is_certain
    assert "The data do not separate the two" in " ".join(recommendation_text(found).split())


def test_the_text_says_when_few_trials_are_close(write_study, rows):
    trials = rows("softloc", 40)
    trials = trials[(trials["label_noise_s"] < 0.03) | (trials["label_noise_s"] > 0.097)]
    found = recommend(
        load_results(write_study(trials)), label_noise_s=0.065, estimator="nadaraya_watson", bandwidth=10.0
    )
    assert found.choices[0].support < 3
    assert "Few trials are close" in recommendation_text(found)


def test_a_single_loss_is_recommended_with_a_note(both):
    found = recommend(load_results(both), label_noise_s=0.06, only=["cross_entropy"])
    assert found.choices[0].softness is None
    assert "has no other loss" in recommendation_text(found)
    assert found.table()["softness_ms"].isna().all()


def test_without_noise_there_is_no_cost(both):
    assert "reduces" in recommendation_text(recommend(load_results(both), label_noise_s=0.06))
    assert "reduces" not in recommendation_text(recommend(load_results(both), label_noise_s=0.0))


def test_recommend_writes_its_table(both):
    output = write_recommend(both, label_noise_s=0.03)
    assert [path.name for path in output.paths] == ["recommend.csv", "recommend.tex"]
    assert max(map(len, output.text.splitlines())) <= 80


@pytest.mark.parametrize("label_noise_s", [-0.01, 0.2, np.nan])
def test_noise_outside_the_studied_range_is_rejected(both, label_noise_s):
    with pytest.raises(
        AnalysisError, match="`label_noise` must be within the studied range, 0 to 100 ms, but got"
    ):
        recommend(load_results(both), label_noise_s=label_noise_s)


def test_label_noise_must_vary(write_study, rows):
    study = load_results(write_study(rows("softloc", 20).assign(label_noise_s=0.05)))
    with pytest.raises(AnalysisError, match="needs label noise that varies"):
        recommend(study, label_noise_s=0.05)


def test_an_interval_of_f1_never_leaves_its_range(write_study, rows):
    trials = rows("softloc", 30)
    high = trials.assign(f1=np.minimum(1.0, 0.97 + 0.05 * np.random.default_rng(0).normal(size=len(trials))))
    found = recommend(load_results(write_study(high)), label_noise_s=0.05, level=0.99)
    value = found.choices[0].value
    assert 0.0 <= value.low < value.high <= 1.0
    assert found.choices[0].samples.max() == 1.0  # without the limit, samples exceed 1


def test_on_the_same_recordings_the_interval_is_narrower(write_study, rows, add_events):
    trials = rows("softloc", 30)
    folder = write_study(trials)
    add_events(folder, trials)
    found = recommend(load_results(folder), label_noise_s=0.05)
    value, here = found.choices[0].value, found.choices[0].value_here
    assert value.low < here.low < here.value < here.high < value.high
    assert (
        f"After training again, on the same test recordings: {here.low:.3f} to {here.high:.3f}"
        in " ".join(recommendation_text(found).split())
    )
    alone = recommend(load_results(write_study(trials, name="alone")), label_noise_s=0.05)
    value, here = alone.choices[0].value, alone.choices[0].value_here
    assert (here.low, here.high) == pytest.approx((value.low, value.high))
    assert "After training again" not in recommendation_text(alone)
