"""Score detectors that never see a recording, only its length and statistics of the training labels.

python benchmarks/blind_detector.py [--data-root FOLDER] [--task TASK] [--shifts 50]

A test set leaks if such a detector scores above chance. Chance is the score of the same detector when the
reference of each recording is shifted around by a random offset. This keeps its rhythm and its length but
not its relation to the ends. The table shows the strategy that exceeds chance by most, relative to the
spread of the shifts. --data-root names the folder of the recorded data sets. Without it, only rendered
sources are measured.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from softloc_core.errors import DataError
from softloc_core.events import EventList, FrameGrid, SegmentList, whole_frames
from softloc_core.features import front_end
from softloc_core.tasks import TASKS, DataRequest, Recording, TaskData
from softloc_core.tasks.base import AudioTask, SourceTask

FOLDERS = {
    "mdb": "mdb_drums/MDB Drums",
    "maps": "maps",
    "mit_bih": "mit_bih",
    "mobgap": "mobgap",
    "golfdb": "golfdb",
    "salads50_svm": "salads50",
    "salads50_svm_eval": "salads50",
    "mnist": "mnist",
}
"""Folder of each recorded source below the data root."""
KNOWN_LEAKS = {
    "golfdb": 0.12,
    "salads50_svm": 0.22,
    "salads50_svm_eval": 0.35,
    "mnist": 0.12,
    "embedded": 0.12,
}
"""Largest score of a blind detector on data that tell something by themselves, see the pages of the tasks:
clips are cut around a swing, recipes have an order, and a digit is never at the edge of a picture."""
OTHER_SPLITS = (("gait", "mobgap", "indip"), ("gait", "synthetic", "sensors"))
SPREAD, LEAST_MARGIN = 3.5, 0.02
"""A detector is near chance if it exceeds it by at most 3.5 standard deviations of the shifts, or 0.02."""

Times = NDArray[np.float64]
Labels = Sequence[EventList]
Place = Callable[[Labels, int, float], Times]
"""Return the estimated times of a class in seconds, given the training labels, the class and a duration."""
Align = Callable[[Times, float, float], Times]
"""Return the corresponding times in another recording, given times in seconds and both durations."""


@dataclass(frozen=True)
class BlindScore:
    """The score of a detector that sees no recording.

    Attributes:
        strategy: How it places events.
        score: Its score by the rule of the task, mean over folds.
        chance: Mean of its scores when references are shifted around.
        spread: Standard deviation of these scores.
    """

    strategy: str
    score: float
    chance: float
    spread: float

    @property
    def margin(self) -> float:
        """How far a score may be above chance without being evidence of a leak."""
        return max(SPREAD * self.spread, LEAST_MARGIN)

    def is_bounded(self, source: str) -> bool:
        """Whether the score is near chance, or at most the known leak of a source."""
        return self.is_near_chance or self.score <= KNOWN_LEAKS.get(source, 0.0)

    @property
    def is_near_chance(self) -> bool:
        """Whether the score is at most the margin above chance."""
        return self.score <= self.chance + self.margin


def blind_scores(
    task: SourceTask[Any], folds: Sequence[TaskData], *, n_shifts: int, seed: int = 0
) -> list[BlindScore]:
    """Score every strategy on the test recordings of the folds of a split, and on shifted references."""
    rng = np.random.default_rng(seed)
    estimates = [_estimates(data) for data in folds]
    shifted = [[_shifted(data, rng) for data in folds] for _ in range(n_shifts)]

    def score(name: str, each: Sequence[TaskData]) -> float:
        return float(
            np.mean(
                [
                    task.score(data, estimate[name], tolerance_s=task.tolerance_s).f1
                    for data, estimate in zip(each, estimates, strict=True)
                ]
            )
        )

    found = []
    for name in estimates[0]:
        by_chance = [score(name, each) for each in shifted]
        spread = float(np.std(by_chance, ddof=1))
        found.append(BlindScore(name, score(name, folds), float(np.mean(by_chance)), spread))
    return found


def most_suspicious(scores: Sequence[BlindScore]) -> BlindScore:
    """Return the strategy that exceeds chance by most, in units of its margin."""
    return max(scores, key=lambda found: (found.score - found.chance) / found.margin)


def loaded_folds(
    task: SourceTask[Any], source: str, *, split: str | None = None, data_root: Path | None = None
) -> list[TaskData]:
    """Load the labels of all folds that the available data have. Features of sound are not computed."""
    info = task.sources[source]
    split = split or info.default_split
    features = str(task.defaults(next(iter(task.networks)))["features"])
    folds = []
    for fold in range(info.splits[split]):
        request = DataRequest(task.name, source, split, fold, features, seed=0)
        try:
            folds.append(_labels_of(task, request, data_root))
        except DataError:
            if not folds:
                raise
    return folds


def _labels_of(task: SourceTask[Any], request: DataRequest, data_root: Path | None) -> TaskData:
    """Load one fold."""
    if not isinstance(task, AudioTask):
        with TemporaryDirectory() as folder:
            return task.load(request, data_root=data_root, cache_dir=Path(folder))
    source = task.source(request.source)
    names = source.split(request, data_root)
    found = {each.name: each for each in source.scan(data_root, names=names.all, seed=0).recordings}
    hop_s = front_end(request.features).hop_s

    def recording(name: str) -> Recording:
        reference = found[name].reference
        features = np.zeros((whole_frames(reference.duration_s, hop_s=hop_s), 1), dtype=np.float32)
        return Recording(name, found[name].group, features, hop_s, reference, reference)

    parts = (tuple(map(recording, part)) for part in (names.train, names.validation, names.test))
    train, validation, test = parts
    channel_names = source.info.channel_names or task.channel_names
    return TaskData(task.name, request.source, channel_names, hop_s, train, validation, test, "labels only")


def _estimates(data: TaskData) -> dict[str, dict[str, EventList]]:
    """Return the estimates for the test recordings by strategy."""
    if isinstance(data.test[0].reference, SegmentList):
        return {name: _segmented(data, aligned) for name, aligned in SEGMENT_STRATEGIES.items()}
    return {name: _estimated(data, place) for name, place in EVENT_STRATEGIES.items()}


def _segmented(data: TaskData, aligned: Align) -> dict[str, EventList]:
    """Return the estimated segments of each test recording."""
    labels = [recording.label for recording in data.train]
    return {r.name: _segments(labels, aligned, r.reference.duration_s, r.grid) for r in data.test}


def _estimated(data: TaskData, place: Place) -> dict[str, EventList]:
    """Return the estimated events of each test recording, on its frame grid."""
    labels = [recording.label for recording in data.train]
    estimates = {}
    for recording in data.test:
        duration_s, grid = recording.reference.duration_s, recording.grid
        times, channels = [np.empty(0)], [np.empty(0, dtype=np.int64)]
        for channel in range(len(data.channel_names)):
            time_s = place(labels, channel, duration_s)
            time_s = time_s[(time_s >= 0) & (time_s <= duration_s)]
            frame = np.unique(grid.to_frames(time_s))
            times.append(np.minimum(grid.to_seconds(frame), duration_s))
            channels.append(np.full(len(frame), channel, dtype=np.int64))
        estimates[recording.name] = EventList(np.concatenate(times), np.concatenate(channels), duration_s)
    return estimates


def _shifted(data: TaskData, rng: np.random.Generator) -> TaskData:
    """Shift the reference of each test recording around by a random number of frames."""
    return replace(data, test=tuple(shifted_recording(recording, rng) for recording in data.test))


def shifted_recording(recording: Recording, rng: np.random.Generator) -> Recording:
    reference, grid = recording.reference, recording.grid
    period_s = grid.n_frames * grid.hop_s
    time_s = np.minimum((reference.time_s + rng.integers(grid.n_frames) * grid.hop_s) % period_s, period_s)
    order = np.argsort(time_s, kind="stable")
    time_s, channel = time_s[order], reference.channel[order]
    if isinstance(reference, SegmentList):
        time_s, channel = np.append(0.0, time_s), np.append(channel[-1], channel)
        return replace(recording, reference=SegmentList.from_starts(time_s, channel, reference.duration_s))
    time_s = np.minimum(time_s, reference.duration_s)
    changes: dict[str, Any] = {"reference": EventList(time_s, channel, reference.duration_s)}
    if hasattr(recording, "frame_px"):
        # Pictures are scored by place.
        changes["event_px"] = recording.frame_px[grid.to_frames(changes["reference"].time_s)]
    return replace(recording, **changes)


def _spaced(labels: Labels, channel: int) -> tuple[float, float, float]:
    """Return mean times: from the start to the first event, from the last to the end, and between events."""
    with_events = [label for label in labels if len(label.channel_time_s(channel))]
    if not with_events:
        return np.inf, np.inf, np.inf
    times = [label.channel_time_s(channel) for label in with_events]
    first_s = float(np.mean([time_s[0] for time_s in times]))
    last_s = float(np.mean([label.duration_s - label.channel_time_s(channel)[-1] for label in with_events]))
    gaps = np.concatenate([np.diff(time_s) for time_s in times])
    return first_s, last_s, float(gaps.mean()) if len(gaps) and gaps.mean() > 0 else np.inf


def evenly(labels: Labels, channel: int, duration_s: float) -> Times:
    """Space as many events as the training rate predicts evenly over the recording."""
    n_events = sum(len(label.channel_time_s(channel)) for label in labels)
    number = round(n_events / sum(label.duration_s for label in labels) * duration_s)
    return (np.arange(number) + 0.5) / max(number, 1) * duration_s


def between_the_ends(labels: Labels, channel: int, duration_s: float) -> Times:
    """Space events evenly from the mean place of the first one to that of the last one."""
    first_s, last_s, gap_s = _spaced(labels, channel)
    if not np.isfinite(first_s):
        return np.empty(0)
    length_s = max(duration_s - first_s - last_s, 0.0)
    return first_s + np.linspace(0.0, length_s, 1 + round(length_s / gap_s))


def from_the_start(labels: Labels, channel: int, duration_s: float) -> Times:
    """Place events at the mean distance from each other, starting at the mean place of the first one."""
    first_s, _, gap_s = _spaced(labels, channel)
    if not np.isfinite(gap_s):
        return np.array([first_s] if np.isfinite(first_s) else [])
    return np.arange(first_s, duration_s, gap_s)


def from_the_end(labels: Labels, channel: int, duration_s: float) -> Times:
    """Place events at the mean distance from each other, ending at the mean place of the last one."""
    _, last_s, gap_s = _spaced(labels, channel)
    if not np.isfinite(gap_s):
        return np.array([duration_s - last_s] if np.isfinite(last_s) else [])
    return duration_s - np.arange(last_s, duration_s, gap_s)


def _typical(labels: Labels, channel: int, place: Callable[[EventList], Times]) -> Times:
    """Return the quantiles of the places of a class, as many as a recording has events on average."""
    places = np.concatenate([place(label)[label.channel == channel] for label in labels])
    number = round(len(places) / len(labels))
    return np.quantile(places, (np.arange(number) + 0.5) / number) if number else np.empty(0)


def share_of_the_length(labels: Labels, channel: int, duration_s: float) -> Times:
    """Place events where they usually are, relative to the length of the recording."""
    return _typical(labels, channel, lambda label: label.time_s / label.duration_s) * duration_s


def time_from_the_start(labels: Labels, channel: int, duration_s: float) -> Times:
    """Place events where they usually are, in seconds from the start."""
    return _typical(labels, channel, lambda label: label.time_s)


def time_from_the_end(labels: Labels, channel: int, duration_s: float) -> Times:
    """Place events where they usually are, in seconds before the end."""
    return duration_s + _typical(labels, channel, lambda label: label.time_s - label.duration_s)


def _segments(labels: Labels, aligned: Align, duration_s: float, grid: FrameGrid) -> SegmentList:
    """Give each frame the class that is most frequent at the same place of the training recordings."""
    time_s = grid.to_seconds(np.arange(grid.n_frames))
    votes = np.zeros((1 + max(int(label.channel.max()) for label in labels), grid.n_frames))
    for label in labels:
        there_s = aligned(time_s, duration_s, label.duration_s)
        inside = (there_s >= 0) & (there_s < label.duration_s)
        segment = np.searchsorted(label.time_s, there_s[inside], side="right") - 1
        votes[label.channel[segment], np.flatnonzero(inside)] += 1
    classes = votes.argmax(axis=0)
    starts = np.flatnonzero(np.diff(classes, prepend=-1))
    return SegmentList.from_starts(time_s[starts], classes[starts], duration_s)


EVENT_STRATEGIES: Mapping[str, Place] = {
    "evenly": evenly,
    "between the ends": between_the_ends,
    "from the start": from_the_start,
    "from the end": from_the_end,
    "share of the length": share_of_the_length,
    "time from the start": time_from_the_start,
    "time from the end": time_from_the_end,
}
SEGMENT_STRATEGIES: Mapping[str, Align] = {
    "share of the length": lambda time_s, duration_s, other_s: time_s * (other_s / duration_s),
    "time from the start": lambda time_s, duration_s, other_s: time_s,
    "time from the end": lambda time_s, duration_s, other_s: time_s - duration_s + other_s,
}


def other_splits(name: str, source: str) -> list[str]:
    """Return the splits of a task's source that are measured in addition to its default."""
    return [split for task, of, split in OTHER_SPLITS if (task, of) == (name, source)]


Case = tuple[SourceTask[Any], str, str, Path | None]


def cases(data_root: Path | None, *, only: str | None) -> Iterator[Case]:
    """Iterate over tasks, sources, splits and data roots."""
    for task in TASKS.tasks.values():
        if not isinstance(task, SourceTask) or only not in (None, task.name):
            continue
        for source, info in task.sources.items():
            root = data_root / FOLDERS[source] if data_root and source in FOLDERS else None
            if info.needs_data_root and (root is None or not root.exists()):
                continue
            for split in (info.default_split, *other_splits(task.name, source)):
                yield task, source, split, root


def main() -> None:
    layout = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=layout)
    parser.add_argument("--data-root", type=Path)
    parser.add_argument("--task")
    parser.add_argument("--shifts", type=int, default=50)
    arguments = parser.parse_args()
    print("| task | source | split | strategy | blind | chance | margin | near chance |")
    print("|---|---|---|---|---|---|---|---|")
    for task, source, split, root in cases(arguments.data_root, only=arguments.task):
        folds = loaded_folds(task, source, split=split, data_root=root)
        found = most_suspicious(blind_scores(task, folds, n_shifts=arguments.shifts))
        known = f"known, at most {KNOWN_LEAKS.get(source)}" if found.is_bounded(source) else "**no**"
        verdict = "yes" if found.is_near_chance else known
        print(
            f"| {task.name} | `{source}` | `{split}` | {found.strategy} | {found.score:.3f} | "
            f"{found.chance:.3f} | {found.margin:.3f} | {verdict} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
