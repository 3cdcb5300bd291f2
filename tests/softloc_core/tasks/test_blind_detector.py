"""A detector that sees only lengths and statistics of the training labels must score near chance."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from softloc_core.events import EventList, SegmentList
from softloc_core.tasks import TASKS, Recording, TaskData
from tests.benchmark_scripts import load_benchmark
from tests.recorded_data import FOLDERS, recorded

HOP_S, MOST_RECORDINGS = 0.01, 40


BLIND = load_benchmark("blind_detector")
RENDERED = [(task.name, source, split) for task, source, split, _ in BLIND.cases(None, only=None)]
RECORDED = [
    (task.name, source, split)
    for task in TASKS.tasks.values()
    for source in task.sources
    if source in BLIND.FOLDERS
    for split in [task.sources[source].default_split, *BLIND.other_splits(task.name, source)]
]


def _check(name: str, source: str, split: str, data_root: Path | None, *, n_shifts: int) -> None:
    task = TASKS.get(name)
    folds = BLIND.loaded_folds(task, source, split=split, data_root=data_root)
    # The benchmark scores all recordings, which takes minutes for pictures.
    folds = [replace(data, test=data.test[:MOST_RECORDINGS]) for data in folds]
    scores = BLIND.blind_scores(task, folds, n_shifts=n_shifts)
    for found in scores:
        assert found.is_bounded(source), f"{found} leaks"


@pytest.mark.parametrize(("name", "source", "split"), RENDERED)
def test_nothing_is_known_about_a_rendered_recording_without_it(name: str, source: str, split: str) -> None:
    _check(name, source, split, None, n_shifts=20)


@pytest.mark.data
@pytest.mark.parametrize(("name", "source", "split"), RECORDED)
def test_a_recorded_source_tells_no_more_than_its_page_says(name: str, source: str, split: str) -> None:
    _check(name, source, split, recorded(BLIND.FOLDERS[source]), n_shifts=15)


def test_folders_of_recorded_data_are_those_of_the_tests() -> None:
    assert BLIND.FOLDERS.items() <= FOLDERS.items()


def _walks(number: int, *, margin_s: float | None, seed: int) -> tuple[Recording, ...]:
    """Return walks whose first and last contacts are at a known distance from the ends, or anywhere."""
    rng = np.random.default_rng(seed)
    walks = []
    for index in range(number):
        ends = (margin_s, margin_s) if margin_s is not None else rng.uniform(0.0, 0.55, 2)
        time_s = ends[0] + np.cumsum(rng.uniform(0.5, 0.6, rng.integers(6, 20)))
        time_s -= time_s[0] - ends[0]
        events = EventList(time_s, np.zeros(len(time_s), dtype=np.int64), time_s[-1] + ends[1])
        features = np.zeros((round(events.duration_s * 100), 1), dtype=np.float32)
        walks.append(Recording(f"walk {index}", "p", features, HOP_S, events, events))
    return tuple(walks)


@pytest.mark.parametrize(("margin_s", "leaks"), [(0.25, True), (None, False)])
def test_margins_of_fixed_length_are_found(margin_s: float | None, leaks: bool) -> None:
    train, test = (_walks(30, margin_s=margin_s, seed=seed) for seed in (0, 1))
    data = TaskData("gait", "here", ("initial_contact",), HOP_S, train, (), test, "")
    scores = BLIND.blind_scores(TASKS.get("gait"), [data], n_shifts=20)
    assert (not BLIND.most_suspicious(scores).is_near_chance) == leaks
    best = {found.strategy: found for found in scores}["between the ends"]
    assert best.score > 0.5 if leaks else best.score < 0.45


@pytest.mark.parametrize("seed", range(3))
def test_shifted_references_keep_their_events_and_their_rhythm(seed: int) -> None:
    (walk,) = _walks(1, margin_s=None, seed=seed)
    shifted = BLIND.shifted_recording(walk, np.random.default_rng(seed))
    period_s = walk.grid.n_frames * HOP_S
    before, after = (
        np.sort(np.diff(r.reference.time_s, append=r.reference.time_s[0] + period_s)) for r in (walk, shifted)
    )
    np.testing.assert_allclose(before, after, atol=HOP_S)
    classes = np.repeat([3, 1, 2], [20, 50, 30])
    segments = SegmentList.from_frames(classes, hop_s=HOP_S)
    video = replace(walk, features=np.zeros((100, 1), dtype=np.float32), reference=segments, label=segments)
    moved = BLIND.shifted_recording(video, np.random.default_rng(seed)).reference
    frames = moved.channel[np.searchsorted(moved.time_s, (np.arange(100) + 0.5) * HOP_S) - 1]
    assert any(np.array_equal(frames, np.roll(classes, shift)) for shift in range(100))
