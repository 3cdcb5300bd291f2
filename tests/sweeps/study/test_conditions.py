"""Conditional parameters: which points have which parameters."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from softloc_core.errors import ConfigError
from sweeps.planning import resolved_study
from sweeps.study import Study, study_from_yaml
from tests.sweeps.simulated_studies import plan

MakeStudy = Callable[..., Study]


def points_of(study: Study) -> list[dict[str, object]]:
    """Return all points of a study whose trials all have the same score."""
    design, found = plan(study).design(), []
    while (point := design.ask()) is not None:
        found.append(point)
        design.tell(point, 0.5)
    return found


@pytest.mark.parametrize("design", ["random", "sobol", "latin_hypercube", "tpe", "nsga2"])
def test_points_have_the_parameters_of_their_loss_only(make_study: MakeStudy, design: str) -> None:
    study = make_study(
        f"design={design}",
        "trials=24",
        "loss={choice: [softloc, bootstrap_soft, cross_entropy]}",
        "loss_options.beta={uniform: [0.2, 0.9]}",
        "alpha.constant={uniform: [0.1, 0.9]}",
        "measure={choice: [squared]}",
    )
    found = points_of(study)
    assert {point["loss"] for point in found} == {"softloc", "bootstrap_soft", "cross_entropy"}
    for point in found:
        parameters_of_softloc = {"softness", "alpha.constant", "measure"} & set(point)
        assert len(parameters_of_softloc) == (3 if point["loss"] == "softloc" else 0)
        assert ("loss_options.beta" in point) == (point["loss"] == "bootstrap_soft")
        assert "label_noise" in point


def test_points_have_the_options_of_their_noise_only(make_study: MakeStudy) -> None:
    study = make_study(
        "noise={choice: [normal, skew_normal]}",
        "noise_options.skewness={uniform: [0, 5]}",
        "noise_options.missing_rate={uniform: [0, 0.5]}",
    )
    for point in points_of(study):
        assert ("noise_options.skewness" in point) == (point["noise"] == "skew_normal")
        assert "noise_options.missing_rate" in point
    by_noise = {t.config.noise: dict(t.config.noise_options) for t in plan(study).all_trials()}
    assert set(by_noise["normal"]) == {"missing_rate"}
    assert set(by_noise["skew_normal"]) == {"missing_rate", "skewness"}


def test_points_have_no_parameters_that_the_only_loss_ignores(make_study: MakeStudy) -> None:
    study = make_study("loss=cross_entropy", "design=tpe", "trials=6")
    assert all(set(point) == {"label_noise"} for point in points_of(study))
    # The other parameters are unchanged, so losses are compared at the same noise.
    noise = [point["label_noise"] for point in points_of(make_study("loss=cross_entropy"))]
    assert noise == [point["label_noise"] for point in points_of(make_study())]


def test_points_that_run_each_loss_have_the_parameters_of_all_losses(
    make_study: MakeStudy,
) -> None:
    study = make_study("loss={each: [cross_entropy, softloc]}")
    assert all(set(point) == {"label_noise", "softness"} for point in points_of(study))


def test_conditions_of_the_study_file_hold_for_trials(make_study: MakeStudy) -> None:
    study = make_study(
        "trials=30",
        "loss={choice: [softloc, count]}",
        "learning_rate={log_uniform: [1e-4, 1e-2], when: {loss: count}}",
        "learning_rate=0.5",
        "fixed.batch_size=2",
    )
    # An override that fixes a field removes it from the space.
    assert "learning_rate" not in study.space
    text = study.to_yaml().replace(
        "fixed:\n", "  learning_rate:\n    log_uniform: [1.0e-4, 1.0e-2]\n    when: {loss: [count]}\nfixed:\n"
    )
    study = study_from_yaml(text, name="x")
    assert study_from_yaml(study.to_yaml(), name="y") == study
    for trial in plan(study).all_trials():
        rate = trial.config.learning_rate
        assert 1e-4 <= rate <= 1e-2 if trial.config.loss == "count" else rate == 0.5
    again = study_from_yaml(resolved_study(study), name="z")
    assert [t.trial_id for t in plan(again).all_trials()] == [t.trial_id for t in plan(study).all_trials()]


def test_a_condition_may_refer_to_a_parameter_that_is_run_at_each_point(make_study: MakeStudy) -> None:
    study = make_study(
        "loss={each: [softloc, count]}", "iterations={choice: [5, 6], when: {loss: [count]}}", "trials=8"
    )
    found = {(t.config.loss, t.config.iterations) for t in plan(study).all_trials()}
    assert found == {("softloc", 2), ("count", 5), ("count", 6)}


def test_a_grid_of_conditions_counts_distinct_points(make_study: MakeStudy) -> None:
    study = make_study(
        "design=grid",
        "trials=5",
        "label_noise=10ms",
        "loss={choice: [softloc, bootstrap_soft, cross_entropy]}",
        "softness={choice: [50ms, 100ms]}",
        "loss_options.beta={choice: [0.5, 0.9]}",
    )
    assert len(plan(study).all_trials()) == 5
    assert plan(study).n_points == 5


@pytest.mark.parametrize(
    ("override", "message"),
    [
        (
            "when: {softness: 5ms}",
            "must name a key that space varies over listed values (loss), but got softness",
        ),
        ("when: {lose: count}", "must name a key that space varies over listed values (loss), but got lose"),
        (
            "when: {loss: magic}",
            "`batch_size.when.loss` must be among the values of loss (count, softloc), but got magic",
        ),
        ("when: {loss: [count, magic]}", "must be among the values of loss (count, softloc), but got magic"),
        ("when: count", "`batch_size.when` must be a mapping of keys to values, but got count"),
    ],
)
def test_invalid_conditions_are_rejected(make_study: MakeStudy, override: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        make_study("loss={choice: [count, softloc]}", f"batch_size={{choice: [1, 2], {override}}}")
    assert message in str(caught.value)


def test_conditions_in_a_circle_are_rejected(make_study: MakeStudy) -> None:
    with pytest.raises(
        ConfigError, match=re.escape("`when` must not lead in a circle, but iterations, batch_size")
    ):
        make_study(
            "iterations={choice: [1, 2], when: {batch_size: 1}}",
            "batch_size={choice: [1, 2], when: {iterations: 1}}",
        )
