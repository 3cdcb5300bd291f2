"""Reading study files, and the messages for mistakes in them."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from softloc_core.errors import ConfigError
from softloc_core.label_noise import NOISES
from softloc_core.losses import LOSSES, register_loss, unregister_loss
from softloc_core.tasks import TASKS
from sweeps.study import FIELDS, Study, load_study, shipped_studies, study_from_yaml

GOOD = """\
name: noise_study
task: simulated
data: plain
trials: 20
design: random
space:
  label_noise: {uniform: [0ms, 100ms]}
fixed:
  loss: softloc
"""


def read(text: str, *overrides: str) -> Study:
    return study_from_yaml(text, name="studies/x.yaml", overrides=overrides)


def test_a_written_study_reads_back_equal() -> None:
    study = read(GOOD, "softness=2tol", "alpha={constant: 0.5}", "time_limit=90s")
    again = study_from_yaml(study.to_yaml(), name="again")
    assert again == study


@pytest.mark.parametrize("name", sorted(shipped_studies()))
def test_every_shipped_study_is_valid_and_has_a_description(name: str) -> None:
    study = load_study(name)
    assert study.name == name
    assert len(study.description) > 20


@pytest.mark.parametrize(
    ("line", "replacement", "message"),
    [
        ("trials: 20", "trails: 20", "`trails` must be a known key; did you mean trials? (one of name,"),
        ("trials: 20", "trials: 20\nsoftnes: 1ms", "`softnes` must be a known key"),
        ("  loss: softloc", "  lose: softloc", "`fixed.lose` must be a known key; did you mean loss?"),
        (
            "[0ms, 100ms]",
            "[0, 100]",
            "`space.label_noise.uniform` must carry a unit (ms, s, frames, tol; for example 100ms)",
        ),
        (
            "[0ms, 100ms]",
            "[100ms]",
            "`space.label_noise.uniform` must be a range [low, high], but got ['100ms']",
        ),
        (
            "uniform:",
            "uniforn:",
            "`space.label_noise` must be one of uniform, log_uniform, integers, choice, each",
        ),
        ("{uniform: [0ms, 100ms]}", "5ms", "`space.label_noise` must be one of uniform"),
        (
            "{uniform: [0ms, 100ms]}",
            "{choice: []}",
            "`space.label_noise.choice` must list at least one value",
        ),
        ("{uniform: [0ms, 100ms]}", "{choice: [1ms, 1ms]}", "must list each value once"),
        (
            "{uniform: [0ms, 100ms]}",
            "{uniform: [0ms, 1ms], steps: 1}",
            "steps` must be a whole number, at least 2",
        ),
        ("task: simulated", "task: drumz", "`task` must be one of"),
        ("data: plain", "data: fancy", "`data` must be one of plain, but got fancy"),
        (
            "design: random",
            "design: chaos",
            "`design` must be one of random, sobol, latin_hypercube, grid, explicit",
        ),
        ("trials: 20", "trials: 0", "`trials` must be a whole number, at least 1, but got 0"),
        ("trials: 20", "trials: many", "`trials` must be a whole number, at least 1, but got many"),
        ("name: noise_study", "name: ../evil", "`name` must be 1 to 64 letters, digits, _ - or ."),
        ("name: noise_study", "name: a..b", "`name` must be 1 to 64 letters"),
        ("name: noise_study", "name: /etc", "`name` must be 1 to 64 letters"),
        ("  loss: softloc", "  softness: 5", "`fixed.softness` must carry a unit"),
        (
            "  loss: softloc",
            "  softness: -5ms",
            "`fixed.softness` must be at least 0 and carry a unit, but got -5ms",
        ),
        ("  loss: softloc", "  iterations: 1.5", "`fixed.iterations` must be a whole number, but got 1.5"),
        ("  loss: softloc", "  learning_rate: fast", "`fixed.learning_rate` must be a number, but got fast"),
        ("  loss: softloc", "  loss: [a]", "`fixed.loss` must be a name"),
        ("  loss: softloc", "  alpha: {ramp: 3}", "`alpha: ramp` must give low, high, start, stop"),
        ("  loss: softloc", "  alpha: {constant: 2}", "must be a number from 0 to 1, but got 2"),
        (
            "  loss: softloc",
            "  loss_options: {beta: [1]}",
            "`fixed.loss_options.beta` must be a number, text or",
        ),
        ("  loss: softloc", "  network: big", "`fixed.network` must be one of none, but got big"),
        ("  loss: softloc", "  split: odd", "`fixed.split` must be one of fixed, other, but got odd"),
        (
            "  loss: softloc",
            "  label_noise: 5ms",
            "`label_noise` must be given in space or in fixed, but got it in both",
        ),
        ("  loss: softloc", "  loss: &a softloc\n  measure: *a", "(aliases are not allowed)"),
        (
            "  loss: softloc",
            "  loss: !!python/object/apply:os.system ['true']",
            "values must be plain YAML (no tags)",
        ),
        ("  loss: softloc", "  loss: !!int x", "values must be plain YAML, but got x"),
        ("  loss: softloc", "  loss: 2020-13-45", "values must be"),
        ("  loss: softloc", "  loss: softloc\n  loss: count", "`loss` must be given once"),
        ("  loss: softloc", "resources: {cpus: -1}", "`resources.cpus` must be a number, at least 0"),
        ("  loss: softloc", "resources: {cpus: 0}", "`resources` must have cpus above 0"),
        ("  loss: softloc", "resources: {gpu: 1}", "`resources.gpu` must be a known key; did you mean gpus?"),
        ("  loss: softloc", "time_limit: 3frames", "`time_limit` must be above 0 and in s or ms"),
        ("space:", "spice:", "did you mean space?"),
    ],
)
def test_a_mistake_is_reported_with_its_line(line: str, replacement: str, message: str) -> None:
    text = GOOD.replace(line, replacement)
    assert text != GOOD
    if replacement.startswith(("resources", "time_limit")):
        text = text.replace("fixed:\n", "")
    with pytest.raises(ConfigError) as caught:
        read(text)
    assert message in str(caught.value)
    assert re.search(r"studies/x\.yaml, line \d+", str(caught.value))
    assert "\n" not in str(caught.value)


def test_the_reported_line_is_correct() -> None:
    with pytest.raises(ConfigError, match=r"in studies/x\.yaml, line 7$"):
        read(GOOD.replace("100ms]", "100]"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("- a\n- b\n", "a study must be a mapping of keys to values, but studies/x.yaml is not"),
        ("", "a study must be a mapping of keys to values"),
        ("name: [", "a study must be valid YAML, but studies/x.yaml: line 1"),
        (
            "name: a\ntask: simulated\ndesign: random\n",
            "a study must give `data`, but studies/x.yaml does not",
        ),
        (GOOD.replace("trials: 20\n", ""), "a study must give `trials` unless its design is grid"),
        (GOOD.replace("random", "grid"), "`space.label_noise` must list values or give `steps` in a grid"),
        ("x" * 1_000_001, "a study file must be at most 1000000 characters"),
    ],
)
def test_files_that_are_not_studies_are_rejected(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(message)):
        read(text)


def test_an_unknown_study_is_rejected(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"a study must be a shipped one \(.*quickstart.*\) or the path"):
        load_study(str(tmp_path / "none.yaml"))


def test_scientific_notation_is_a_number() -> None:
    assert read(GOOD, "learning_rate=3e-3").fixed["learning_rate"] == 0.003


class TestOverrides:
    def test_a_fixed_field_is_removed_from_the_space(self) -> None:
        study = read(GOOD, "label_noise=20ms")
        assert "label_noise" not in study.space
        assert str(study.fixed["label_noise"]) == "20ms"

    def test_a_varied_field_is_removed_from_fixed(self) -> None:
        study = read(GOOD, "loss={choice: [cross_entropy, softloc]}")
        assert study.space["loss"].values == ("cross_entropy", "softloc")
        assert "loss" not in study.fixed

    def test_sections_and_dotted_keys_can_be_named(self) -> None:
        study = read(
            GOOD, "fixed.loss=count", "resources.cpus=2", "space.softness={uniform: [0s, 1s]}", "trials=4"
        )
        assert (study.fixed["loss"], study.resources.cpus, study.trials) == ("count", 2.0, 4)
        assert "softness" in study.space

    def test_one_option_of_a_field_can_be_set(self) -> None:
        study = read(GOOD, "loss_options.beta=0.5", "alpha.constant={uniform: [0, 1]}")
        assert study.fixed["loss_options"] == {"beta": 0.5}
        assert study.space["alpha.constant"].values == (0.0, 1.0)

    @pytest.mark.parametrize(
        ("override", "message"),
        [
            ("trials", "--set must be key=value, but got trials"),
            ("=3", "--set must be key=value, but got =3"),
            ("trails=3", "--set must name a known key; did you mean trials?"),
            ("fixed.lose=count", "`fixed.lose` must be a known key; did you mean loss?"),
            ("label_noise=[", "`label_noise` must be valid YAML, but in --set label_noise=[:"),
            (
                "softness=3",
                "`fixed.softness` must carry a unit (ms, s, frames, tol; for example 100ms), but got 3 in "
                "--set",
            ),
            ("space.softness.x={choice: [1ms]}", "`space.softness.x` must be a known key"),
            ("name=../up", "`name` must be 1 to 64 letters"),
        ],
    )
    def test_a_mistake_names_the_override(self, override: str, message: str) -> None:
        with pytest.raises(ConfigError, match=re.escape(message)):
            read(GOOD, override)


def test_each_key_of_a_trial_can_be_set(make_study: Callable[..., Study]) -> None:
    values = {"duration": "7ms", "integer": "1", "number": "0.5", "name": "softloc", "options": "{}",
              "schedule": "{constant: 0.25}"}  # fmt: skip
    for key, field in FIELDS.items():
        if key in ("network", "split", "noise"):
            continue
        assert key in make_study(f"{key}={values[field.kind]}").fixed


def test_a_study_may_name_a_loss_noise_and_task_registered_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    mine = register_loss(replace(LOSSES["count"], name="mine"))
    monkeypatch.setitem(NOISES, "mine", NOISES["normal"])  # type: ignore[arg-type]
    monkeypatch.setitem(TASKS.tasks, "mine", TASKS.get("simulated"))
    try:
        study = read(GOOD, "loss=mine", "noise=mine", "task=mine")
    finally:
        unregister_loss(mine.name)
    assert (study.fixed["loss"], study.fixed["noise"], study.task) == ("mine", "mine", "mine")
