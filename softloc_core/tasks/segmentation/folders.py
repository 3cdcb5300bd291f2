"""Action segmentation data in the folders features, groundTruth and splits: 50 Salads and GTEA."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

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
    plain_features,
    scan_of,
    training_folds,
)

__all__ = ["GTEA_NAMES", "SALADS_NAMES", "FoldersSource"]

N_TRAINING_FOLDS = 3
SALADS_NAMES = (
    "cut_tomato", "place_tomato_into_bowl", "cut_cheese", "place_cheese_into_bowl", "cut_lettuce",
    "place_lettuce_into_bowl", "add_salt", "add_vinegar", "add_oil", "add_pepper", "mix_dressing",
    "peel_cucumber", "cut_cucumber", "place_cucumber_into_bowl", "add_dressing", "mix_ingredients",
    "serve_salad_onto_plate", "action_start", "action_end",
)  # fmt: skip
GTEA_NAMES = (
    "take", "open", "pour", "close", "shake", "scoop", "stir", "put", "fold", "spread", "background",
)  # fmt: skip
_LAYOUT = "features/, groundTruth/, splits/ and mapping.txt"
# Largest difference in length between features and annotation in seconds. The longer one is cut.
_SLACK_S = 1.0


@dataclass(frozen=True)
class _Video:
    """The files of a video."""

    name: str
    features: Path
    truth: Path


class FoldersSource:
    """A data set in the layout of MS-TCN and later work.

        features/<video>.npy        float [band, frame]
        groundTruth/<video>.txt     one class per line, one line per frame
        splits/train.split<k>.bundle, splits/test.split<k>.bundle     one <video>.txt per line
        mapping.txt                 one number and class per line

    Features are averaged over blocks of frames, while segments keep the full rate of the annotations. If a
    test bundle is missing, all annotated videos that are not in the training bundle are for testing.

    Source: Farha and Gall 2019 (MS-TCN) distribute 50 Salads (Stein and McKenna 2013) and GTEA (Fathi et al.
    2011) in this layout. Deliberate difference: they use every frame or every second frame without averaging.
    """

    def __init__(
        self,
        name: str,
        *,
        title: str,
        channel_names: tuple[str, ...],
        n_folds: int,
        rate_hz: float,
        block_frames: int,
        homepage: str,
        person: Callable[[str], str],
    ) -> None:
        """Describe the data set.

        Args:
            name: Name used in study files.
            title: Title for descriptions.
            channel_names: Classes of the data set.
            n_folds: Number of published splits.
            rate_hz: Frame rate of features and annotations in Hz.
            block_frames: Number of frames that are averaged into one.
            homepage: Where to get the data.
            person: Returns the person in a video with this name.
        """
        self._person = person
        self._n_folds, self._rate_hz, self._block_frames = n_folds, rate_hz, block_frames
        self.info = SourceInfo(
            name=name,
            description=f"{title}, per-frame features and class names in folders",
            splits={
                "published_validated": n_folds,
                "published": n_folds,
                "train_cv": N_TRAINING_FOLDS,
            },
            needs_data_root=True,
            licence="see the homepage of its owner",
            homepage=homepage,
            channel_names=channel_names,
        )

    def split(self, request: DataRequest, data_root: Path | None) -> SplitNames:
        """Return a published split, or a fold of `train_cv` over the training videos of the first one.

        `published_validated` validates on every fifth training person, or the last one of fewer than five.
        `train_cv` divides videos, not persons, and validates on every fifth video.
        """
        root = _root(data_root)
        number = 1 if request.split == "train_cv" else request.fold + 1
        train = _bundle(root / "splits" / f"train.split{number}.bundle")
        if request.split == "train_cv":
            found = training_folds(train, fold=request.fold, n_folds=N_TRAINING_FOLDS)
        else:
            bundle = root / "splits" / f"test.split{number}.bundle"
            others = sorted(path.stem for path in (root / "groundTruth").glob("*.txt"))
            test = _bundle(bundle) if bundle.is_file() else tuple(n for n in others if n not in train)
            found = as_named(request, SplitNames(train, (), test), group=self._person)
            if both := sorted(set(train) & set(test)):
                raise DataError(
                    f"a video must not be used for both training and test, but got {both[0]} in {bundle}"
                )
        return checked_split(request, found, root)

    def scan(
        self, data_root: Path | None, *, names: Iterable[str] | None, seed: int
    ) -> Scan[SignalRecording]:
        """Read the named videos, or all of them, with their segments. The seed is not used."""
        root = _root(data_root)
        found = sorted(
            {path.stem for folder, end in (("features", "npy"), ("groundTruth", "txt"))
             for path in (root / folder).glob(f"*.{end}")}
        )  # fmt: skip

        def read(name: str) -> tuple[SignalRecording, tuple[DataError, ...]]:
            features, truth = root / "features" / f"{name}.npy", root / "groundTruth" / f"{name}.txt"
            return self._recording(_Video(name, features, truth)), ()

        chosen = found if names is None else names
        return scan_of(chosen, read, problems=self._mapping_problems(root))

    def _mapping_problems(self, root: Path) -> Iterable[DataError]:
        """Return the errors of `mapping.txt`, such as unknown classes."""
        path = root / "mapping.txt"
        known = self.info.channel_names
        for number, line in enumerate(_lines(path), start=1):
            words = line.split()
            if len(words) != 2 or not words[0].isdigit() or words[1] not in known:
                wanted = f"a line must contain a number and one of {', '.join(known)}"
                yield DataError(f"{wanted}, but got '{line}' in {path}, line {number}")

    def _recording(self, video: _Video) -> SignalRecording:
        """Read a video and average its features over blocks."""
        classes = self._classes(video.truth)
        features = _features(video.features)
        if abs(len(features) - len(classes)) > _SLACK_S * self._rate_hz:
            raise DataError(
                f"features and annotation must have the same number of frames, but got {len(features)} in "
                f"{video.features} and {len(classes)} in {video.truth}"
            )
        n_frames = min(len(features), len(classes))
        blocks = _block_means(features[:n_frames], self._block_frames)
        return SignalRecording(
            name=video.name,
            group=video.name,
            hop_s=self._block_frames / self._rate_hz,
            features=plain_features(blocks),
            content_key=array_key(blocks),
            reference=SegmentList.from_frames(classes[:n_frames], hop_s=1 / self._rate_hz),
        )

    def _classes(self, path: Path) -> NDArray[np.int64]:
        """Read the class of each frame."""
        index = {name: number for number, name in enumerate(self.info.channel_names)}
        lines = [line.strip() for line in _lines(path)]
        for number, line in enumerate(lines, start=1):
            if line not in index:
                allowed = ", ".join(index)
                raise DataError(f"class must be one of {allowed}, but got '{line}' in {path}, line {number}")
        if not lines:
            raise DataError(f"an annotation must contain a class for each frame, but got none in {path}")
        return np.array([index[line] for line in lines], dtype=np.int64)


def _root(data_root: Path | None) -> Path:
    """Return the folder after validating its layout."""
    if data_root is None:
        raise ConfigError(f"`--data-root` must name the folder that contains {_LAYOUT}, but got none")
    for part in ("features", "groundTruth", "splits"):
        if not (data_root / part).is_dir():
            raise DataError(f"`--data-root` must contain {_LAYOUT}, but got no {part} in {data_root}")
    return data_root


def _lines(path: Path) -> list[str]:
    """Read the lines of a text file."""
    try:
        return path.read_text().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"a text file is needed, but got {path}: {error}") from error


def _bundle(path: Path) -> tuple[str, ...]:
    """Read the names of the videos in a bundle."""
    return tuple(line.strip().removesuffix(".txt") for line in _lines(path) if line.strip())


def _features(path: Path) -> NDArray[np.float32]:
    """Read features [frame, band] from a file [band, frame]."""
    try:
        values = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise DataError(f"an array file is needed, but got {path}: {error}") from error
    if values.ndim != 2 or not values.size or not np.issubdtype(values.dtype, np.number):
        raise DataError(f"features must be numbers [band, frame], but got {values.shape} in {path}")
    frames: NDArray[np.float32] = values.T.astype(np.float32)
    if not (finite := np.isfinite(frames).all(axis=1)).all():
        raise DataError(
            f"features must be finite, but got others in frame {int(np.argmin(finite))} of {path}"
        )
    return frames


def _block_means(features: NDArray[np.float32], block_frames: int) -> NDArray[np.float32]:
    """Average features over blocks, each centred on a frame of the coarser grid."""
    n_blocks = -(-len(features) // block_frames)
    edge = np.clip(np.arange(n_blocks + 1) * block_frames - block_frames // 2, 0, len(features))
    edge[-1] = len(features)
    sums = np.add.reduceat(features, edge[:-1], axis=0, dtype=np.float64)
    return (sums / np.diff(edge)[:, None]).astype(np.float32)
