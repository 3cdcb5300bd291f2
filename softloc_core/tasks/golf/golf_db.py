"""GolfDB: annotations of 1 400 golf swings, with per-frame features that the user provides."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from softloc_core.errors import DataError
from softloc_core.events import EventList
from softloc_core.tasks.base import (
    DataRequest,
    Scan,
    SignalRecording,
    SourceInfo,
    SplitNames,
    array_key,
    as_named,
    checked_split,
    group_folds,
    training_folds,
)
from softloc_core.tasks.golf.annotations import ANNOTATION_FILE, Swing, read_swings
from softloc_core.tasks.golf.clips import FRAME_S, ClipFeatures, read_clips

__all__ = ["GolfDbSource", "clip_tolerance_s"]

N_FOLDS = 4
N_TRAINING_FOLDS = 3
# Times of whole frames are compared. A thousandth of a frame exceeds all rounding errors.
_SLACK_FRAMES = 1e-3


def clip_tolerance_s(event_frame: NDArray[np.int64]) -> float:
    """Return the tolerance of a swing in seconds: 1/30 of the time from its first to its sixth event.

    The tolerance is rounded to whole frames (half to even) and is at least one frame. A thousandth of a frame
    is added, so that rounding of times cannot exclude the bound.

    Args:
        event_frame: Frames of the eight events.

    Source: GolfDB (McNally et al. 2019), section 5: 1 frame for swings in real time, more in slow motion.
    """
    frames = max(float(np.round((event_frame[5] - event_frame[0]) / 30)), 1.0)
    return (frames + _SLACK_FRAMES) * FRAME_S


@dataclass(frozen=True, eq=False)
class _Clip:
    """A swing with the features of its frames."""

    swing: Swing
    features: ClipFeatures

    @property
    def name(self) -> str:
        return f"clip_{self.swing.clip_id:04d}"


class GolfDbSource:
    """GolfDB's annotations with per-frame features in `.npz` files. Clips without features are left out.

    Source: McNally et al., "GolfDB: a video database for golf swing sequencing", CVPR workshops 2019.
    Deliberate difference: the videos themselves are not read. The features may come from any model, such as
    `SwingNet.frame_features` or the outputs of a trained SwingNet.
    """

    info = SourceInfo(
        name="golfdb",
        description="GolfDB's annotated golf swings, with per-frame features of its videos",
        splits={
            "videos_validated": N_FOLDS,
            "videos": N_FOLDS,
            "published": N_FOLDS,
            "published_validated": N_FOLDS,
            "train_cv": N_TRAINING_FOLDS,
        },
        needs_data_root=True,
        licence="CC BY-NC 4.0",
        homepage="https://github.com/wmcnally/golfdb",
    )

    def split(self, request: DataRequest, data_root: Path | None) -> SplitNames:
        """Return a fold of a split in which all clips of a video are in the same part.

        * `videos`: four folds over the available videos.
        * `published`: the splits of GolfDB. Fold k tests on split k + 1.
        * `train_cv`: three folds over the training videos of the first fold of `videos`, whose test clips are
          never used.

        `videos_validated` and `published_validated` also validate on every fifth training video, and so do
        the folds of `train_cv`.

        Raises:
            DataError: The files cannot be used, or a part of the split is empty.
        """
        root, clips, problems = _clips(data_root)
        if problems:
            raise problems[0]
        video = {clip.name: clip.swing.video for clip in clips}
        names = tuple(video)
        if request.split == "train_cv":
            kept = group_folds(names, fold=0, n_folds=N_FOLDS, group=video.__getitem__).train
            split = training_folds(kept, fold=request.fold, n_folds=N_TRAINING_FOLDS, group=video.__getitem__)
            return checked_split(request, split, root)
        if request.split.startswith("published"):
            split = _published(clips, number=request.fold + 1)
        else:
            split = group_folds(names, fold=request.fold, n_folds=N_FOLDS, group=video.__getitem__)
        return checked_split(request, as_named(request, split, group=video.__getitem__), root)

    def scan(
        self, data_root: Path | None, *, names: Iterable[str] | None, seed: int
    ) -> Scan[SignalRecording]:
        """Read the named clips, or all of them, with their features and events. The seed is not used."""
        _, clips, problems = _clips(data_root)
        wanted = None if names is None else set(names)
        recordings = []
        for clip in clips:
            if wanted is None or clip.name in wanted:
                problem = clip.features.problem(clip.swing)
                if problem is None:
                    recordings.append(_recording(clip))
                else:
                    problems.append(problem)
        return Scan(tuple(recordings), tuple(problems))


def _clips(data_root: Path | None) -> tuple[Path, list[_Clip], list[DataError]]:
    """Return all clips with annotation and features, sorted by number, and the problems of the files."""
    if data_root is None:
        raise DataError("`--data-root` must name GolfDB's folder, but got none")
    swings = read_swings(data_root / ANNOTATION_FILE)
    files = sorted(data_root.glob("*.npz"))
    if not files:
        raise DataError(
            f"`--data-root` must contain features of frames in .npz files, but got none in {data_root}"
        )
    features: dict[int, ClipFeatures] = {}
    problems: list[DataError] = []
    for path in files:
        try:
            for clip in read_clips(path):
                problems += _clip_problems(clip, swings=swings, earlier=features)
                features.setdefault(clip.clip_id, clip)
        except DataError as problem:
            problems.append(problem)
    known = sorted(set(features) & set(swings))
    return data_root, [_Clip(swings[clip_id], features[clip_id]) for clip_id in known], problems


def _clip_problems(
    clip: ClipFeatures, *, swings: Mapping[int, Swing], earlier: Mapping[int, ClipFeatures]
) -> list[DataError]:
    """Return the error if the clip is unknown or has occurred before."""
    if clip.clip_id not in swings:
        return [DataError(f"a clip must be one of {ANNOTATION_FILE}, but got {clip.clip_id} in {clip.path}")]
    if clip.clip_id in earlier:
        first = earlier[clip.clip_id].path.name
        return [DataError(f"a clip must occur once, but got {clip.clip_id} in {first} and {clip.path}")]
    return []


def _published(clips: list[_Clip], *, number: int) -> SplitNames:
    """Return GolfDB's split with this number, which tests on its clips and trains on all others."""
    return SplitNames(
        train=tuple(clip.name for clip in clips if clip.swing.split != number),
        validation=(),
        test=tuple(clip.name for clip in clips if clip.swing.split == number),
    )


def _recording(clip: _Clip) -> SignalRecording:
    """Return a clip in the form that tasks read."""
    rows, event_frame = clip.features.rows, clip.swing.event_frame
    time_s = np.asarray(event_frame, dtype=np.float64) * FRAME_S
    events = EventList(time_s, np.arange(len(event_frame)), len(rows) * FRAME_S)
    return SignalRecording(
        name=clip.name,
        group=clip.swing.video,
        hop_s=FRAME_S,
        features=lambda _: rows,
        content_key=array_key(rows),
        reference=events,
        tolerance_s=clip_tolerance_s(event_frame),
    )
