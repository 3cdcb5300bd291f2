"""Plans: what they report before a study runs, and that it is right."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies as st

from softloc_core.errors import ConfigError
from softloc_core.tasks import TaskData
from softloc_core.trial.run import TrialConfig
from sweeps.forecasting import report as plan_report
from sweeps.forecasting.forecast import Spread, forecast, makespan_s, trial_spread, trials_at_once
from sweeps.forecasting.pilot import Timing, kind_of, measured_kinds, run_pilots, timings_of
from sweeps.forecasting.report import PlanOptions, PlanReport, plan_study
from sweeps.planning import Planner
from sweeps.planning.source import POINTS_FILE
from sweeps.storage.folder import StudyFolder
from sweeps.storage.store import TrialStore
from sweeps.study import Resources, Study
from sweeps.testing.simulation import SimulatedTrial
from tests.sweeps.simulated_studies import plan

MakeStudy = Callable[..., Study]


@pytest.fixture
def report_of(make_study: MakeStudy, tmp_path: Path) -> Callable[..., PlanReport]:
    def make(*overrides: str, **options: Any) -> PlanReport:
        given = {"cpus": 4, "gpus": 0, "trial_s": 90.0, **options}
        return plan_study(
            make_study(*overrides), PlanOptions(out=str(tmp_path), cache_dir=tmp_path / "cache", **given)
        )

    return make


def a_trial(make_study: MakeStudy, *overrides: str) -> tuple[TrialConfig, TaskData]:
    """Return the first trial of a study and its data."""
    study = make_study(*overrides)
    planner = plan(study)
    config = planner.all_trials()[0].config
    return config, planner.data_of(config)


class TestReport:
    def test_it_has_trials_hours_resources_and_cost(self, report_of: Callable[..., PlanReport]) -> None:
        report = report_of("resources.gpus=0.5", gpus=1.0, price_per_hour=2.0)
        # Two trials share the GPU: 6 rounds of 90 s.
        assert report.n_left == 12
        assert "sim: 12 trials (12 design points x 1), 0 already stored, 12 to run" in report.text
        assert "design random: all points are known in advance" in report.text
        assert "expected: 9 min (9 min to 9 min) with 2 trials at a time" in report.text
        assert "in total 0.3 CPU-hours, 0.15 GPU-hours" in report.text
        assert "cost: 0.30 (0.30 to 0.30) at 2 per hour" in report.text
        assert "label noise (ms)  " in report.text

    def test_only_a_picture_is_stored(self, report_of: Callable[..., PlanReport], tmp_path: Path) -> None:
        report = report_of()
        assert report.picture == tmp_path / "sim" / "figures" / "plan.png"
        assert report.picture.read_bytes().startswith(b"\x89PNG")
        assert {path.suffix for path in (tmp_path / "sim").rglob("*") if path.is_file()} == {".png", ".svg"}
        assert report_of().text.replace(_data_line(report_of()), "") == report.text.replace(
            _data_line(report), ""
        )

    def test_stored_trials_are_not_planned_again(
        self, report_of: Callable[..., PlanReport], make_study: MakeStudy, tmp_path: Path
    ) -> None:
        _store(make_study(), tmp_path, 5)
        report = report_of()
        assert "5 already stored, 7 to run" in report.text
        assert re.search(r"already stored: 5 trials, trained in \S+ s on average", report.text)
        marks = "".join(re.findall(r"\|(.*)\|", report.text))
        assert (marks.count("o"), marks.count(".")) == (5, 7)
        assert "expected: 3 min" in report.text
        _store(make_study(), tmp_path, 12)
        report = report_of()
        assert report.text.endswith("nothing is left to run")
        assert report.forecast is None

    def test_only_the_first_batch_of_a_learning_design_is_known(
        self, report_of: Callable[..., PlanReport], tmp_path: Path
    ) -> None:
        report = report_of("design=tpe")
        assert "sim: at most 12 trials" in report.text
        assert (
            "design tpe learns: of its points, only the first batch can be planned (4 trials)" in report.text
        )
        assert report.n_left == 12
        assert "expected: 4 min" in report.text  # 12 trials of 90 s, 4 at a time
        assert not (tmp_path / "sim" / POINTS_FILE).exists()

    def test_the_stored_points_of_a_learning_design_are_known(
        self, report_of: Callable[..., PlanReport], make_study: MakeStudy, tmp_path: Path
    ) -> None:
        (tmp_path / "sim").mkdir()
        point = {"label_noise": 0.05, "softness": 0.1}
        (tmp_path / "sim" / POINTS_FILE).write_text(json.dumps([point]))
        study = make_study("design=tpe")
        planner = plan(study)
        _store_trials(planner, planner.trials(point, number=0), tmp_path)
        report = report_of("design=tpe")
        assert "only the points so far can be planned (1 trials)" in report.text
        assert "1 already stored, 11 to run" in report.text

    def test_a_study_that_varies_nothing_has_no_picture(self, report_of: Callable[..., PlanReport]) -> None:
        report = report_of("label_noise=0ms", "softness=5ms", "trials=1")
        assert report.picture is None
        assert "nothing is varied, so there is no picture" in report.text

    def test_without_a_gpu_the_time_on_a_gpu_is_not_estimated(
        self, report_of: Callable[..., PlanReport], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(plan_report, "available_gpus", lambda: 0)
        report = report_of("resources.gpus=1", gpus=8, trial_s=None)
        assert report.text.endswith(
            "no GPU here to time a trial: plan on a machine with one, or give --trial-seconds"
        )

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"cpus": 0}, "--cpus must be above 0, but got 0"),
            (
                {"cpus": 0.5},
                "--cpus and --gpus must be enough for one trial (1 CPUs and 0 GPUs), but got 0.5 CPUs",
            ),
            ({"gpus": -1}, "--gpus must be at least 0, but got -1"),
            ({"price_per_hour": -1}, "--price-per-hour must be at least 0, but got -1"),
            ({"trial_s": 0}, "--trial-seconds must be above 0, but got 0"),
            ({"pilot_s": float("inf")}, "--pilot-seconds must be above 0, but got inf"),
        ],
    )
    def test_invalid_options_are_rejected(
        self, report_of: Callable[..., PlanReport], options: dict[str, float], message: str
    ) -> None:
        with pytest.raises(ConfigError, match=re.escape(message)):
            report_of(**options)

    def test_another_study_in_the_folder_is_rejected(
        self, report_of: Callable[..., PlanReport], make_study: MakeStudy, tmp_path: Path
    ) -> None:
        (tmp_path / "sim").mkdir()
        (tmp_path / "sim" / "study.yaml").write_text(make_study("seed=9").to_yaml())
        with pytest.raises(ConfigError, match="must hold the same study, but `seed` is 9 there and 3 here"):
            report_of()

    def test_pilots_of_every_loss_are_reported(
        self, report_of: Callable[..., PlanReport], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def measured(run_trial: object, configs: list[TrialConfig], data: object, **_: object) -> object:
            return {kind_of(config): [Timing(1.0, 0.5, 2), Timing(1.0, 1.0, 2)] for config in configs}

        monkeypatch.setattr(plan_report, "run_pilots", measured)
        report = report_of("loss={each: [count, softloc]}", "iterations=10", trial_s=None, cpus=1)
        assert "pilot trials, 1 at a time on this machine (cpu), set-up and scoring separate:" in report.text
        line = "none: 8.5 s a trial (6 to 11 s), 1 s + 10 iterations of 750 ms, from runs of 2 iterations"
        assert f"  simulated, softloc, {line}" in report.text
        assert f"  simulated, count, {line}" in report.text
        assert "expected: 2 min (72 s to 2 min) with 1 trials at a time" in report.text


def _data_line(report: PlanReport) -> str:
    return next(line for line in report.text.splitlines() if line.startswith("data: "))


def _store(study: Study, out: Path, count: int) -> None:
    planner = plan(study)
    _store_trials(planner, planner.all_trials()[:count], out)


def _store_trials(planner: Planner, trials: list[Any], out: Path) -> None:
    from datetime import UTC, datetime

    from sweeps.storage.provenance import Provenance
    from sweeps.storage.records import completed_record

    store = TrialStore(StudyFolder(out / planner.study.name))
    for trial in trials:
        result = SimulatedTrial()(trial.config, planner.data_of(trial.config))
        record = completed_record(
            result,
            Provenance("sim", "0", ""),
            channel_names=("a", "b"),
            host="h",
            started_at=datetime.now(UTC),
        )
        store.write(record.row)


class TestForecast:
    @given(st.lists(st.floats(0.1, 100), min_size=1, max_size=30), st.integers(1, 8))
    def test_the_makespan_is_between_its_bounds(self, seconds: list[float], at_once: int) -> None:
        taken_s = makespan_s(seconds, at_once=at_once)
        least = max(max(seconds), sum(seconds) / at_once)
        assert least - 1e-9 <= taken_s
        # Graham's bound for trials that start as soon as a slot is free.
        assert taken_s <= sum(seconds) / at_once + max(seconds) * (1 - 1 / at_once) + 1e-9

    def test_equal_trials_run_in_rounds(self) -> None:
        assert makespan_s([10.0] * 7, at_once=3) == 30.0
        assert makespan_s([], at_once=3) == 0.0

    @pytest.mark.parametrize(
        ("resources", "cpus", "gpus", "expected"),
        [
            (Resources(), 4, 0, 4),
            (Resources(cpus=2), 5, 0, 2),
            (Resources(cpus=1, gpus=0.1), 16, 1, 10),
            (Resources(cpus=1, gpus=1), 16, 0, 0),
            (Resources(cpus=0.1), 1, 0, 10),
        ],
    )
    def test_the_number_of_trials_at_once(
        self, resources: Resources, cpus: float, gpus: float, expected: int
    ) -> None:
        assert trials_at_once(resources, cpus=cpus, gpus=gpus) == expected

    def test_a_forecast_has_hours_with_a_range(self) -> None:
        found = forecast([Spread(1800, 3600, 7200)] * 4, Resources(cpus=2, gpus=0.5), at_once=2)
        assert found.hours == Spread(1.0, 2.0, 4.0)
        assert (found.cpu_hours, found.gpu_hours) == (8.0, 2.0)

    def test_the_time_of_an_unmeasured_kind_is_proportional_to_its_batches(
        self, make_study: MakeStudy
    ) -> None:
        config, _ = a_trial(make_study, "iterations=100", "batch_size=4")
        timings = {kind_of(config): [Timing(2.0, 0.1, 100)]}
        assert trial_spread(config, timings).expected == pytest.approx(12.0)
        larger = replace(config, batch_size=8)
        assert trial_spread(larger, timings).expected == pytest.approx(22.0)


class _Clock:
    """A clock that trials advance by their set-up and a millisecond for each iteration."""

    def __init__(self, setup_s: float) -> None:
        self.now_s, self.setup_s = 0.0, setup_s
        self.ran: list[int] = []

    def run_trial(self, trial: TrialConfig, data: TaskData, *, device: str) -> None:
        self.ran.append(trial.iterations)
        self.now_s += self.setup_s + 0.001 * trial.iterations

    def perf_counter(self) -> float:
        return self.now_s


class TestPilot:
    def test_set_up_and_iterations_are_distinguished(
        self, make_study: MakeStudy, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        config, data = a_trial(make_study, "iterations=100000")
        clock = _Clock(setup_s=0.05)
        monkeypatch.setattr("sweeps.forecasting.pilot.time", clock)
        found = timings_of(clock.run_trial, config, data, device="cpu", target_s=0.15)  # type: ignore[arg-type]
        assert clock.ran == [2, 8, 32, 128, 128]
        assert len(found) == 2
        for timing in found:
            assert timing.iterations == 128
            assert timing.iteration_s == pytest.approx(0.001)
            assert timing.setup_s == pytest.approx(0.05)

    def test_two_lengths_are_timed_even_if_the_first_takes_long(
        self, make_study: MakeStudy, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        config, data = a_trial(make_study, "iterations=1000")
        clock = _Clock(setup_s=0.1)
        monkeypatch.setattr("sweeps.forecasting.pilot.time", clock)
        found = timings_of(clock.run_trial, config, data, device="cpu", target_s=0.01)  # type: ignore[arg-type]
        assert clock.ran == [2, 8, 16, 16]
        assert [timing.setup_s for timing in found] == pytest.approx([0.1, 0.1])

    def test_a_short_trial_is_run_completely(self, make_study: MakeStudy) -> None:
        config, data = a_trial(make_study, "iterations=20")
        ran: list[int] = []
        timings_of(lambda trial, data, *, device: ran.append(trial.iterations), config, data,
                   device="cpu", target_s=9.0)  # type: ignore[arg-type]  # fmt: skip
        assert ran == [2, 8, 20, 20]

    def test_the_most_frequent_kinds_are_measured(self, make_study: MakeStudy) -> None:
        config, _ = a_trial(make_study)
        sizes = [1, 2, 2, 3, 3, 4, 4, 5, 5]
        found = measured_kinds(replace(config, batch_size=size) for size in sizes)
        assert [one.batch_size for one in found] == [2, 3, 4, 5]

    @pytest.mark.slow
    def test_pilots_run_in_separate_processes(self, make_study: MakeStudy) -> None:
        config, data = a_trial(make_study)
        found = run_pilots(
            SimulatedTrial(duration_s=0.05),
            [config],
            {config.data_request(): data},
            at_once=2,
            device="cpu",
            target_s=0.01,
        )
        [timings] = found.values()
        assert len(timings) == 4
        assert np.mean([timing.trial_s(2) for timing in timings]) == pytest.approx(0.05, abs=0.05)
