"""50 Salads as outputs of a video classifier: `.mat` files with per-frame class scores and labels."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import scipy.io
from scipy.io.matlab import MatReadError

from softloc_core.errors import ConfigError, DataError
from softloc_core.events import SegmentList
from softloc_core.tasks.base import (
    DataRequest,
    Scan,
    SignalRecording,
    SourceInfo,
    SplitNames,
    array_key,
    as_named,
    checked_split,
    collect,
    plain_features,
    read_all,
    training_folds,
)

__all__ = ["EVAL_NAMES", "MID_NAMES", "SvmScoresSource"]

N_FOLDS = 5
N_TRAINING_FOLDS = 3
HOP_S = 1.0
"""Seconds between frames. The videos have 327 frames on average, which matches their length in seconds."""
# Class 0 is everything except the actions, which are in the order of the data set's lists.
MID_NAMES = (
    "background", "add_dressing", "add_oil", "add_pepper", "add_salt", "add_vinegar", "cut_cheese",
    "cut_cucumber", "cut_lettuce", "cut_tomato", "mix_dressing", "mix_ingredients", "peel_cucumber",
    "place_cheese_into_bowl", "place_cucumber_into_bowl", "place_lettuce_into_bowl", "place_tomato_into_bowl",
    "serve_salad_onto_plate",
)  # fmt: skip
EVAL_NAMES = (
    "background", "add_dressing", "add_oil", "add_pepper", "cut", "mix_dressing", "mix_ingredients",
    "peel_cucumber", "place", "serve_salad_onto_plate",
)  # fmt: skip
# Errors that scipy's reader raises for damaged files and other formats.
_UNREADABLE = (
    MatReadError, ValueError, TypeError, IndexError, KeyError, OSError, EOFError, NotImplementedError,
    zlib.error,
)  # fmt: skip


class SvmScoresSource:
    """Scores of a support vector machine for the frames of 50 Salads, as released with ED-TCN.

    `<granularity>/split_<k>.mat` contains the test videos of split k of five. `S` contains their scores
    [frame, class] by a classifier trained on the other splits, and `Y` contains their classes. The classifier
    has therefore never seen the videos that it scored. Fold k tests on split k + 1 and trains on the others.

    Source: Lea et al. 2017 and its repository; 50 Salads: Stein and McKenna 2013.
    """

    def __init__(self, name: str, *, granularity: str, channel_names: tuple[str, ...]) -> None:
        """Create the source.

        Args:
            name: Name used in study files.
            granularity: Folder of the scores, `mid` or `eval`.
            channel_names: Classes of the scores.
        """
        self._granularity = granularity
        self.info = SourceInfo(
            name=name,
            description=f"50 Salads ({granularity}), per-frame class scores of a video classifier",
            splits={"published_validated": N_FOLDS, "published": N_FOLDS, "train_cv": N_TRAINING_FOLDS},
            needs_data_root=True,
            licence="MIT (scores); CC BY-NC-SA 4.0 (data set, as generally stated)",
            homepage="https://github.com/colincsl/TemporalConvolutionalNetworks",
            channel_names=channel_names,
        )

    def split(self, request: DataRequest, data_root: Path | None) -> SplitNames:
        """Return a published split, which tests on one file, or a fold of `train_cv`.

        `published_validated` validates on the last of the training files. `train_cv` is a cross-validation
        over the training files of the first published split; the last of the other files validates.
        Whole files are held out, because the files do not say which videos show the same person.
        """
        root, files = self._files(data_root)
        first = f"split_{1 if request.split == 'train_cv' else request.fold + 1}"
        if first not in files:
            raise DataError(
                f"fold {request.fold} of {request.split} needs {first}.mat, but got none in {root}"
            )
        rest = tuple(name for name in files if name != first)
        parts = as_named(request, SplitNames(rest, (), (first,)))
        if request.split == "train_cv":
            parts = training_folds(rest, fold=request.fold, n_folds=N_TRAINING_FOLDS)
        train, validation, test = (
            tuple(name for file in part for name in self._names(files[file]))
            for part in (parts.train, parts.validation, parts.test)
        )
        return checked_split(request, SplitNames(train, validation, test), root)

    def scan(
        self, data_root: Path | None, *, names: Iterable[str] | None, seed: int
    ) -> Scan[SignalRecording]:
        """Read the named videos, or all of them, with their segments. The seed is not used."""
        wanted = None if names is None else set(names)

        def read(path: Path) -> tuple[list[SignalRecording], list[DataError]]:
            content = _content(path)
            names = _video_names(path, content)
            chosen = [k for k, name in enumerate(names) if wanted is None or name in wanted]
            return collect(chosen, lambda index: self._recording(path, content, index))

        paths = [
            path
            for path in self._files(data_root)[1].values()
            if wanted is None or any(name.startswith(f"{path.stem}/") for name in wanted)
        ]
        files, problems = read_all(paths, read)
        return Scan(tuple(found for recordings in files for found in recordings), tuple(problems))

    def _files(self, data_root: Path | None) -> tuple[Path, dict[str, Path]]:
        """Return the folder and its files by name."""
        layout = f"{self._granularity}/split_<k>.mat"
        if data_root is None:
            raise ConfigError(f"`--data-root` must name the folder that contains {layout}, but got none")
        folder = data_root / self._granularity
        files = {f"split_{k}": folder / f"split_{k}.mat" for k in range(1, N_FOLDS + 1)}
        found = {name: path for name, path in files.items() if path.is_file()}
        if not found:
            raise DataError(f"`--data-root` must contain {layout}, but got none in {data_root}")
        return folder, found

    def _names(self, path: Path) -> list[str]:
        return _video_names(path, _content(path))

    def _recording(self, path: Path, content: Mapping[str, Any], index: int) -> SignalRecording:
        """Return a video as a recording."""
        where = f"video {index} of {path}"
        scores = np.asarray(content["S"].flat[index], dtype=np.float64)
        classes = np.asarray(content["Y"].flat[index]).reshape(-1)
        n_classes = len(self.info.channel_names)
        if scores.shape != (len(classes), n_classes):
            raise DataError(
                f"S must be [{len(classes)} frames of Y, {n_classes} classes], but got {list(scores.shape)} "
                f"in {where}"
            )
        if not np.isfinite(scores).all():
            frame = int(np.argmin(np.isfinite(scores).all(axis=1)))
            raise DataError(
                f"scores must be finite, but got {scores[frame].tolist()} in frame {frame}, {where}"
            )
        bad = ~np.isin(classes, np.arange(n_classes))
        if bad.any():
            frame = int(np.argmax(bad))
            raise DataError(
                f"classes must be 0 to {n_classes - 1}, but got {classes[frame]} in frame {frame}, {where}"
            )
        features = scores.astype(np.float32)
        return SignalRecording(
            name=_video_names(path, content)[index],
            group=path.stem,
            hop_s=HOP_S,
            features=plain_features(features),
            content_key=array_key(features),
            reference=SegmentList.from_frames(classes, hop_s=HOP_S),
        )


def _video_names(path: Path, content: Mapping[str, Any]) -> list[str]:
    """Return names for the videos of a file, which has no names itself."""
    return [f"{path.stem}/{index:02d}" for index in range(content["S"].size)]


def _content(path: Path) -> Mapping[str, Any]:
    """Read the cells of a file.

    Raises:
        DataError: The file cannot be read or a cell is missing.
    """
    try:
        content: Mapping[str, Any] = scipy.io.loadmat(path)
    except _UNREADABLE as error:
        raise DataError(f"a MATLAB file (version 4 to 7.2) is needed, but got {path}: {error}") from error
    cells = [content.get(key) for key in ("S", "Y")]
    if not all(isinstance(cell, np.ndarray) and cell.dtype == object for cell in cells):
        raise DataError(f"a file must contain the cells S and Y, but got {sorted(content)} in {path}")
    if content["S"].size != content["Y"].size:
        sizes = f"{content['S'].size} and {content['Y'].size}"
        raise DataError(f"S and Y must contain the same number of videos, but got {sizes} in {path}")
    return content
