"""Where the digits come from: MNIST's files, or those that scikit-learn ships."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from softloc_core.errors import DataError
from softloc_core.tasks.base import DataRequest, Scan, SourceInfo, SplitNames, training_folds
from softloc_core.tasks.digits.canvases import Canvas, draw_canvas
from softloc_core.tasks.digits.images import DigitImages, embedded_digits, mnist_digits

__all__ = ["EMBEDDED_INFO", "MNIST_INFO", "CanvasSource", "embedded_source", "mnist_source"]

N_TEST = 300
N_TRAINING_FOLDS = 3
_SIZES = (1000, 125, 250, 500, 2000, 4000)
_SPLITS = {**{f"canvases_{size}": 1 for size in _SIZES}, "train_cv": N_TRAINING_FOLDS}
Images = Callable[[Path | None], tuple[DigitImages, DigitImages]]

MNIST_INFO = SourceInfo(
    name="mnist",
    description="canvases of one to three MNIST digits",
    splits=_SPLITS,
    needs_data_root=True,
    licence="CC BY-SA 3.0, as generally stated",
    homepage="http://yann.lecun.com/exdb/mnist/",
)
EMBEDDED_INFO = SourceInfo(
    name="embedded",
    description="canvases of one to three of the handwritten digits that scikit-learn ships",
    splits=_SPLITS,
    needs_data_root=False,
)


class CanvasSource:
    """Canvases drawn from the training digits to train on, and 300 from the test digits to score.

    A split says how many there are to train on: `canvases_<n>` has the first n, so that a larger one holds
    the smaller ones. `train_cv` deals the first 750 of them into three folds and leaves the test digits
    alone.
    """

    def __init__(self, info: SourceInfo, images: Images) -> None:
        """Take what is known of it, and what gives training and test digits."""
        self.info = info
        self._images = images

    def split(self, request: DataRequest, data_root: Path | None) -> SplitNames:
        """See the class."""
        if request.split == "train_cv":
            return training_folds(_names("train", 750), fold=request.fold, n_folds=N_TRAINING_FOLDS)
        size = int(request.split.removeprefix("canvases_"))
        return SplitNames(_names("train", size), (), _names("test", N_TEST))

    def scan(self, data_root: Path | None, *, names: Iterable[str] | None, seed: int) -> Scan[Canvas]:
        """The canvases, once the digits are read."""
        try:
            train, test = self._images(data_root)
            for part, images in (("training", train), ("test", test)):
                if not len(images.digit):
                    raise DataError(f"there must be {part} digits, but got none in {data_root}")
        except DataError as problem:
            return Scan((), (problem,))
        chosen = (*_names("train", _SIZES[0]), *_names("test", N_TEST)) if names is None else names
        parts = {"train": train, "test": test}
        return Scan(tuple(draw_canvas(n, parts[n.split("_")[0]], seed=seed) for n in chosen), ())


def _names(part: str, number: int) -> tuple[str, ...]:
    """Names of a part's canvases."""
    return tuple(f"{part}_{index:04d}" for index in range(number))


def mnist_source() -> CanvasSource:
    """MNIST; the original split is kept."""
    return CanvasSource(MNIST_INFO, mnist_digits)


def embedded_source() -> CanvasSource:
    """scikit-learn's digits."""
    return CanvasSource(EMBEDDED_INFO, lambda data_root: embedded_digits())
