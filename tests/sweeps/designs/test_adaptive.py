import numpy as np
import pytest

from analysis.regression.base import Grid
from analysis.regression.gaussian_process import fit_gaussian_process
from analysis.testing.known_surfaces import KNOWN_SURFACES
from softloc_core.errors import ConfigError
from sweeps.designs.adaptive import AdaptiveDesign
from sweeps.designs.space import Parameter

SPACE = {
    "softness": Parameter("uniform", (0.0, 150.0)),
    "label_noise": Parameter("uniform", (0.0, 100.0)),
}


def run(design, surface="cliff", *, noise_sd=0.01, n=None, workers=1, results=None):
    """Run a design on a known surface, append its points and values to `results`, and return the points."""
    rng, points = np.random.default_rng(0), []
    while n is None or len(points) < n:
        batch = [point for point in (design.ask() for _ in range(workers)) if point is not None]
        if not batch:
            break
        for point in batch:
            value = KNOWN_SURFACES[surface](point["softness"], point["label_noise"]) + rng.normal(0, noise_sd)
            design.tell(point, float(value))
            points.append((point["softness"], point["label_noise"]))
            if results is not None:
                results.append((point, float(value)))
    return np.array(points)


def test_is_deterministic_and_stays_within_its_budget():
    first, second = (run(AdaptiveDesign(SPACE, seed=3, budget=34)) for _ in range(2))
    assert len(first) == 34
    np.testing.assert_array_equal(first, second)
    assert np.all((first >= 0) & (first <= [150, 100]))
    assert not np.array_equal(first[:24], run(AdaptiveDesign(SPACE, seed=4, budget=24)))


def test_learns_a_cliff_better_than_sobol_points_do():
    grid = Grid((np.linspace(0, 150, 31), np.linspace(0, 100, 21)))
    truth = KNOWN_SURFACES["cliff"](*grid.points().T)
    errors = {"sobol": [], "adaptive": []}
    for seed in range(3):
        for name in errors:
            # An adaptive design with 44 first points is a Sobol sequence.
            design = AdaptiveDesign(SPACE, seed=seed, budget=44, n_first=44 if name == "sobol" else None)
            points = run(design)
            rng = np.random.default_rng(seed)
            values = KNOWN_SURFACES["cliff"](*points.T) + rng.normal(0, 0.01, len(points))
            fit = fit_gaussian_process(points, values, np.ones(len(points)))
            errors[name].append(np.sqrt(np.mean((fit.predict(grid) - truth) ** 2)))
    assert np.mean(errors["adaptive"]) < 0.95 * np.mean(errors["sobol"])


def test_pending_points_keep_workers_apart_from_each_other():
    design = AdaptiveDesign(SPACE, seed=0, budget=60)
    run(design, n=24)
    batch = [design.ask() for _ in range(6)]
    at = np.array([[point["softness"] / 150, point["label_noise"] / 100] for point in batch])
    distance = np.linalg.norm(at[:, None] - at, axis=2)[np.triu_indices(6, 1)]
    assert distance.min() > 0.05


@pytest.mark.parametrize("focus", ["ridge", "level"])
def test_focus_attracts_points_to_the_region_of_interest(focus):
    def share_near(points):
        if focus == "ridge":
            return np.mean(np.abs(points[:, 0] - 25 - 0.8 * points[:, 1]) < 25)
        return np.mean(np.abs(KNOWN_SURFACES["ridge"](*points.T) - 0.95 * 0.88) < 0.04)

    focused, plain = (
        run(AdaptiveDesign(SPACE, seed=1, budget=48, focus=name), surface="ridge")[24:]
        for name in (focus, "surface")
    )
    assert share_near(focused) > share_near(plain)


def test_stops_when_the_surface_is_known_and_reports_the_trials_saved():
    design = AdaptiveDesign(SPACE, seed=0, budget=200, max_standard_error=0.02)
    points = run(design, surface="wave", noise_sd=0.005)
    assert 24 <= len(points) < 120
    assert design.is_known and design.largest_standard_error <= 0.02
    assert design.ask() is None
    assert design.equivalent_random_trials() > len(points)
    summary = design.summary()
    assert f"used {len(points)} of the study's 200 trials" in summary and "(limit: 0.02)" in summary
    assert f"Trials saved: {200 - len(points)} of the study's budget" in summary
    assert f"{3 * len(points)} of the study's 600 trials" in design.summary(runs_a_point=3)
    assert "too few to tell" in AdaptiveDesign(SPACE, seed=0, budget=9).summary()


def test_failed_trials_are_ignored_and_do_not_block_the_design():
    design = AdaptiveDesign(SPACE, seed=0, budget=30)
    for _ in range(30):
        design.tell(design.ask(), None)
    assert design.ask() is None
    assert design.largest_standard_error == np.inf


def test_learns_from_points_that_it_did_not_propose():
    first, results = AdaptiveDesign(SPACE, seed=0, budget=60), []
    run(first, n=30, results=results)
    again = AdaptiveDesign(SPACE, seed=9, budget=60)
    for point, value in results:
        again.tell(point, value)
    assert again.largest_standard_error == pytest.approx(first.largest_standard_error, rel=1e-6)


def test_every_listed_value_has_its_own_surface():
    space = {**SPACE, "loss": Parameter("choice", ("softloc", "one_sided"))}
    design = AdaptiveDesign(space, seed=0, budget=60)
    losses = []
    while (point := design.ask()) is not None:
        steep = KNOWN_SURFACES["cliff"](point["softness"], point["label_noise"])
        design.tell(point, 0.8 if point["loss"] == "softloc" else float(steep))
        losses.append(point["loss"])
    assert losses[:48].count("softloc") == 24
    assert losses[48:].count("one_sided") > 8


def test_logarithmic_and_integer_ranges():
    space = {
        "learning_rate": Parameter("log_uniform", (1e-4, 1e-2)),
        "iterations": Parameter("integers", (100, 1000)),
        "softness": Parameter("uniform", (0.0, 0.15)),
    }
    design = AdaptiveDesign(space, seed=0, budget=41)
    again = AdaptiveDesign(space, seed=0, budget=41, n_first=1)
    for _ in range(40):
        point = design.ask()
        assert 1e-4 <= point["learning_rate"] <= 1e-2 and 100 <= point["iterations"] <= 1000
        value = float(np.log10(point["learning_rate"]) / 10 + point["iterations"] / 5000)
        design.tell(point, value)
        again.tell(point, value)
    # No result has been missed: the next point is that of a design for which no point is pending.
    again.tell(again.ask(), None)
    assert design.ask() == again.ask()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"space": {"loss": Parameter("choice", ("a", "b"))}}, "needs 1 to 4 ranges in `space`, but got 0"),
        ({"focus": "cliff"}, "`focus` must be one of surface, ridge, level, but got cliff"),
        ({"max_standard_error": 0.0}, "`stop: max_standard_error` must be a number above 0, but got 0.0"),
    ],
)
def test_invalid_arguments_are_rejected(change, message):
    with pytest.raises(ConfigError, match=message):
        AdaptiveDesign(**{"space": SPACE, "seed": 0, "budget": 10, **change})
