"""Sources of canvases, with digits of MNIST or scikit-learn."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from softloc_core.errors import DataError
from softloc_core.tasks.base import DataRequest, Scan, SourceInfo, SplitNames, as_named, training_folds
from softloc_core.tasks.digits.canvases import Canvas, draw_canvas
from softloc_core.tasks.digits.images import DigitImages, embedded_digits, mnist_digits

__all__ = ["EMBEDDED_INFO", "MNIST_INFO", "CanvasSource", "embedded_source", "mnist_source"]

N_TEST = 300
N_TRAINING_FOLDS = 3
_SIZES = (1000, 125, 250, 500, 2000, 4000)
_SPLITS = {
    **{f"canvases_{size}_validated": 1 for size in _SIZES},
    **{f"canvases_{size}": 1 for size in _SIZES},
    "train_cv": N_TRAINING_FOLDS,
}
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
    description="canvases of one to three handwritten digits of scikit-learn",
    splits=_SPLITS,
    needs_data_root=False,
)


class CanvasSource:
    """Canvases with training digits for training, and 300 canvases with test digits for testing.

    The split `canvases_<n>` trains on the first n canvases, so larger splits include smaller ones.
    `canvases_<n>_validated` validates on every fifth of them and trains on the others. `train_cv` is a
    cross-validation with three folds over the first 750 training canvases. It never uses test digits.
    """

    def __init__(self, info: SourceInfo, images: Images) -> None:
        """Create the source.

        Args:
            info: What a user needs to know about the source.
            images: Returns the training and test digits for a data root.
        """
        self.info = info
        self._images = images

    def split(self, request: DataRequest, data_root: Path | None) -> SplitNames:
        """Return the names of the canvases; see the class."""
        if request.split == "train_cv":
            return training_folds(_names("train", 750), fold=request.fold, n_folds=N_TRAINING_FOLDS)
        size = int(request.split.split("_")[1])
        return as_named(request, SplitNames(_names("train", size), (), _names("test", N_TEST)))

    def scan(self, data_root: Path | None, *, names: Iterable[str] | None, seed: int) -> Scan[Canvas]:
        """Read the digits and draw the canvases."""
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
    """Return the names of the canvases in a part."""
    return tuple(f"{part}_{index:04d}" for index in range(number))


def mnist_source() -> CanvasSource:
    """Return the source with digits of MNIST, in their original split into training and test digits."""
    return CanvasSource(MNIST_INFO, mnist_digits)


def embedded_source() -> CanvasSource:
    """Return the source with digits of scikit-learn."""
    return CanvasSource(EMBEDDED_INFO, lambda data_root: embedded_digits())
