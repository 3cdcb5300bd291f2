from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from pathlib import Path

import pytest

from softloc_core.errors import ConfigError
from softloc_core.losses import Constant, Ramp
from softloc_core.tasks import TASKS, DataRequest, TaskData
from softloc_core.trial.run import TrialConfig, trial_id
from sweeps.planning import Planner, load_data, make_planner
from sweeps.study import Study

MakeStudy = Callable[..., Study]


def data_for(study: Study) -> Mapping[DataRequest, TaskData]:
    return load_data(study, data_root=None, cache_dir=Path("unused"))


def planner(study: Study) -> Planner:
    return make_planner(study, data_for(study))


def test_a_random_study_has_its_number_of_trials(make_study: MakeStudy) -> None:
    trials = planner(make_study()).all_trials()
    assert len({trial.trial_id for trial in trials}) == len(trials) == 12
    assert all(
        0 <= trial.config.label_noise_s <= 0.1 and 0 <= trial.config.softness_s <= 0.15 for trial in trials
    )


def test_every_identity_is_the_hash_of_its_configuration_and_data(make_study: MakeStudy) -> None:
    plan = planner(make_study())
    for trial in plan.all_trials():
        fingerprint = plan.data_of(trial.config).fingerprint
        assert trial.trial_id == trial_id(trial.config, data_fingerprint=fingerprint)


def test_replicates_are_paired(make_study: MakeStudy) -> None:
    trials = planner(make_study("replicates=3")).all_trials()
    assert len(trials) == 12
    for first in range(0, 12, 3):
        group = [trial.config for trial in trials[first : first + 3]]
        assert [config.replicate for config in group] == [0, 1, 2]
        assert len({replace(config, replicate=0) for config in group}) == 1


def test_values_under_each_all_run_at_every_point(make_study: MakeStudy) -> None:
    trials = planner(make_study("loss={each: [cross_entropy, softloc]}")).all_trials()
    assert len(trials) == 12
    for first in range(0, 12, 2):
        pair = [trial.config for trial in trials[first : first + 2]]
        assert [config.loss for config in pair] == ["cross_entropy", "softloc"]
        assert pair[0].label_noise_s == pair[1].label_noise_s


def test_fields_that_a_loss_ignores_are_not_varied(make_study: MakeStudy) -> None:
    study = make_study(
        "design=grid",
        "trials=18",
        "loss={choice: [cross_entropy, softloc]}",
        "label_noise={choice: [0ms, 50ms, 100ms]}",
        "softness={choice: [50ms, 75ms, 100ms]}",
    )
    with pytest.raises(ConfigError, match="`trials` of this grid must be 12 or be left out, but got 18"):
        planner(study)
    trials = planner(replace(study, trials=None)).all_trials()
    losses = [trial.config.loss for trial in trials]
    # Nine settings for SoftLoc, but three for cross entropy, which has no softness.
    assert (losses.count("softloc"), losses.count("cross_entropy")) == (9, 3)
    ignored = {
        (c.softness_s, c.alpha, c.measure) for c in (t.config for t in trials) if c.loss == "cross_entropy"
    }
    assert len(ignored) == 1


def test_options_that_only_another_loss_has_are_dropped(make_study: MakeStudy) -> None:
    study = make_study("loss={each: [bootstrap_soft, softloc]}", "loss_options={beta: 0.7}")
    by_loss = {trial.config.loss: dict(trial.config.loss_options) for trial in planner(study).all_trials()}
    assert by_loss["bootstrap_soft"]["beta"] == 0.7
    assert "beta" not in by_loss["softloc"]


def test_options_of_decoding_reach_the_trials(make_study: MakeStudy) -> None:
    trials = planner(make_study("decoding_options={window_s: 0.1, mass: 0.4}")).all_trials()
    assert {trial.config.decoding_options for trial in trials} == {(("mass", 0.4), ("window_s", 0.1))}
    voted = planner(make_study("ensemble_options.rates={choice: [1, 5]}")).all_trials()
    assert {trial.config.ensemble_options for trial in voted} == {(("rates", 1),), (("rates", 5),)}
    varied = planner(make_study("decoding_options.mass={choice: [0.2, 0.4]}")).all_trials()
    assert {dict(trial.config.decoding_options)["mass"] for trial in varied} == {0.2, 0.4}


def test_durations_in_frames_and_tolerances_become_seconds(make_study: MakeStudy) -> None:
    study = make_study("softness=3frames", "label_noise=2tol")
    config = planner(replace(study, trials=1)).all_trials()[0].config
    assert (config.softness_s, config.label_noise_s) == (0.03, 0.1)


def test_one_option_of_a_schedule_is_varied(make_study: MakeStudy) -> None:
    study = make_study(
        "alpha={ramp: {low: 0.2, high: 0.9, start: 0.2, stop: 0.9}}",
    )
    varied = make_study("alpha.ramp.high={choice: [0.5, 0.7]}").space["alpha.ramp.high"]
    study = replace(study, space={**study.space, "alpha.ramp.high": varied})
    alphas = {trial.config.alpha for trial in planner(study).all_trials()}
    assert alphas == {Ramp(0.2, high, 0.2, 0.9) for high in (0.5, 0.7)}


def test_another_schedule_replaces_the_default(make_study: MakeStudy) -> None:
    study = make_study("alpha.constant={choice: [0.25, 0.75]}")
    alphas = {trial.config.alpha for trial in planner(study).all_trials()}
    assert alphas == {Constant(0.25), Constant(0.75)}


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (("label_noise={uniform: [0ms, 0ms]}",),
         "with low below high (it is empty), but got [0ms, 0ms] in --set"),
        (("label_noise={uniform: [3frames, 20ms]}",), "(it is empty), but got [3frames, 20ms]"),
        (("softness={uniform: [0ms, inf]}",), "must be a range with finite ends"),
        (("softness={log_uniform: [0ms, 5ms]}",), "must be a range above 0"),
        (("replicates=5",),
         "`trials` must be a multiple of 5 (replicates times the values under each), but got 12"),
        (("loss=magic",), "`fixed.loss` must be one of"),
        (("loss_options={bita: 1}",), "`loss_options` of softloc must be among"),
        (("measure=far",), "`measure` must be one of"),
        (("noise=pink",), "`fixed.noise` must be one of"),
        (("noise_options={x: 1}",), "`noise_options`"),
        (("decoding=never",), "`decoding` must be one of"),
        (("decoding_options={moss: 1}",), "`decoding_options` must be among"),
        (("decoding_options={calibrate_offset: true}", "split=other"),
         "`decoding_options: calibrate_offset` needs a split with validation"),
        (("ensemble_options={ratse: 5}",), "`ensemble_options` of an ensemble must be among rates"),
        (("ensemble_options.rates={choice: [1, 2.5]}",),
         "`ensemble_options: rates` must be a whole number, but got 2.5"),
        (("ensemble_options={rates: 3, bandwidth_s: 0.001}",),
         "bandwidth_s` must be at least a frame (0.01 s), but got 0.001 in the study sim"),
        (("rate_variation={uniform: [0, 1]}", "rate_centre=0.5"),
         "`rate_variation` must be below rate_centre, 0.5, but got"),
        (("rate_share=2",), "`rate_share` must be in [0, 1], but got 2"),
        (("stacking=0.5",), "`stacking` must be 0 for simulated on none features"),
        (("stacking=half",), "`fixed.stacking` must be a number"),
        (("batch_size=0",), "`batch_size` must be at least 1, but got 0 in the study sim"),
        (("excerpt=0s",), "`excerpt_s` must be above 0"),
        (("fold=0", "split={choice: [fixed, other]}", "alpha.ramp.high={choice: [0.5]}"),
         "`alpha: ramp` must give"),
    ],
)  # fmt: skip
def test_impossible_settings_are_rejected_before_anything_runs(
    make_study: MakeStudy, overrides: tuple[str, ...], message: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        planner(make_study(*overrides)).all_trials()
    assert message in str(caught.value)


def test_a_field_without_a_value_is_rejected(make_study: MakeStudy, monkeypatch: pytest.MonkeyPatch) -> None:
    task = TASKS.get("simulated")
    defaults = {key: value for key, value in task.defaults("none").items() if key not in ("loss", "alpha")}
    monkeypatch.setattr(task, "defaults", lambda network: defaults, raising=False)
    study = make_study()
    without_loss = replace(study, fixed={})
    with pytest.raises(
        ConfigError, match="a study must give loss, alpha under fixed, because the task has no"
    ):
        planner(without_loss).check()


def test_each_distinct_request_is_loaded_once(make_study: MakeStudy) -> None:
    study = make_study("split={choice: [fixed, other]}")
    assert sorted(request.split for request in data_for(study)) == ["fixed", "other"]


def test_a_source_that_needs_a_data_root_is_rejected_without_one(
    make_study: MakeStudy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = TASKS.get("simulated")
    needy = {"plain": replace(task.sources["plain"], needs_data_root=True, homepage="https://example.org")}
    monkeypatch.setattr(task, "sources", needy, raising=False)
    with pytest.raises(
        ConfigError, match=re.escape("the data source plain must be given with --data-root DIR")
    ):
        data_for(make_study())
    with pytest.raises(ConfigError, match="--data-root must be a folder, but got"):
        load_data(make_study(), data_root=tmp_path / "none", cache_dir=tmp_path)


def test_written_defaults_read_back_as_the_same_trials(make_study: MakeStudy) -> None:
    from sweeps.planning.identity import resolved_study
    from sweeps.study import study_from_yaml

    plan = planner(make_study())
    again = planner(study_from_yaml(resolved_study(plan.study), name="again"))
    assert [t.trial_id for t in again.all_trials()] == [t.trial_id for t in plan.all_trials()]


def test_all_fields_are_written_out(make_study: MakeStudy) -> None:
    from sweeps.study.fields import FIELDS

    assert {field.config_name for field in FIELDS.values()} | {
        "task",
        "data",
        "seed",
        "replicate",
        "noise_draw",
        "threads",
    } == {field.name for field in fields(TrialConfig)}


def test_trials_without_augmentation_keep_their_old_identities(make_study: MakeStudy) -> None:
    """The identities are those of studies stored before rates, stacking and ensembles existed."""
    first = planner(make_study()).all_trials()[0]
    config = first.config
    assert (config.rate_variation, config.rate_centre, config.rate_share, config.stacking) == (0, 1, 1, 0)
    assert config.ensemble_options == ()
    same = planner(make_study("rate_variation=0", "rate_share=0.5", "ensemble_options={}")).all_trials()[0]
    assert same.trial_id == first.trial_id
    other = planner(make_study("rate_variation=0.1", "rate_share=0.5")).all_trials()[0]
    assert other.trial_id != first.trial_id
