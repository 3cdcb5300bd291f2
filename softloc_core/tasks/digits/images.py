"""Handwritten digits: the files of MNIST, and the small data set of scikit-learn."""

from __future__ import annotations

import gzip
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import scipy.ndimage
from numpy.typing import NDArray

from softloc_core.errors import ConfigError, DataError
from softloc_core.tasks.base import array_key

__all__ = ["FIELD_PX", "DigitImages", "embedded_digits", "mnist_digits"]

FIELD_PX = 28
"""Side of a digit image in pixels."""
_PARTS = ("train", "t10k")
_MAGIC = {"images": (2051, "idx3"), "labels": (2049, "idx1")}


@dataclass(frozen=True, eq=False)
class DigitImages:
    """The digits of one part of a data set.

    Attributes:
        image: [digit, row, column] uint8 images of 28 x 28 pixels; 0 is background.
        digit: [digit] int64 classes, 0 to 9.
    """

    image: NDArray[np.uint8]
    digit: NDArray[np.int64]

    @property
    def content_key(self) -> str:
        """Hash of the images and their classes."""
        return array_key(self.image, self.digit)


def mnist_digits(data_root: Path | None) -> tuple[DigitImages, DigitImages]:
    """Read the training and test digits of MNIST from the four gzipped IDX files.

    The files may contain a subset of the digits.

    Raises:
        ConfigError: `data_root` is None.
        DataError: A file is missing, truncated or has another format.

    Source: LeCun et al. 1998. The page of the data set describes the file format.
    """
    if data_root is None:
        names = f"{_file_name('train', 'images')} and its three companions"
        raise ConfigError(f"`--data-root` must name the folder that contains {names}, but got none")
    train, test = (_part(data_root, part) for part in _PARTS)
    return train, test


def _file_name(part: str, kind: str) -> str:
    """Return the name of a file of MNIST."""
    return f"{part}-{kind}-{_MAGIC[kind][1]}-ubyte.gz"


def _part(root: Path, part: str) -> DigitImages:
    """Read the images and classes of one part."""
    paths = {kind: root / _file_name(part, kind) for kind in _MAGIC}
    image, label = (_idx(path, kind) for kind, path in paths.items())
    if len(image) != len(label):
        raise DataError(
            f"images and labels must be equal in number, but got {len(image)} in {paths['images']} "
            f"and {len(label)} in {paths['labels']}"
        )
    if image.shape[1:] != (FIELD_PX, FIELD_PX):
        raise DataError(f"images must be 28 x 28, but got {image.shape[1:]} in {paths['images']}")
    if (bad := label > 9).any():
        index = int(np.argmax(bad))
        raise DataError(f"labels must be 0 to 9, but got {label[index]} at {index} in {paths['labels']}")
    return DigitImages(image, label.astype(np.int64))


def _idx(path: Path, kind: str) -> NDArray[np.uint8]:
    """Read the array of an IDX file of unsigned bytes."""
    try:
        content = gzip.decompress(path.read_bytes())
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"a gzipped IDX file is needed, but got {path}: {error}") from error
    magic, n_axes = _MAGIC[kind][0], 3 if kind == "images" else 1
    found = struct.unpack(f">{1 + n_axes}I", content[: 4 * (1 + n_axes)].ljust(4 * (1 + n_axes), b"\0"))
    if found[0] != magic:
        raise DataError(f"an IDX file of {kind} must start with {magic}, but got {found[0]} in {path}")
    body = np.frombuffer(content, dtype=np.uint8, offset=4 * (1 + n_axes))
    if body.size != int(np.prod(found[1:])):
        shape = " x ".join(map(str, found[1:]))
        raise DataError(
            f"an IDX file must contain {shape} bytes according to its header, but got {body.size} in {path}"
        )
    return body.reshape(found[1:])


def embedded_digits() -> tuple[DigitImages, DigitImages]:
    """Return the 1 797 handwritten digits of scikit-learn, the last third of them as test digits.

    The original images have 8 x 8 pixels with 17 grey levels. They are enlarged to 24 x 24 pixels with cubic
    interpolation and padded to 28 x 28. The digits are ordered by writer, so few writers are in both parts.

    Raises:
        ConfigError: scikit-learn is not installed.

    Source: Alpaydin and Kaynak 1998, "Optical recognition of handwritten digits", test set.
    """
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise ConfigError(
            "the embedded digits need scikit-learn, but it is not installed: pip install scikit-learn"
        ) from error
    content = load_digits()
    enlarged = scipy.ndimage.zoom(content.images * (255 / 16), (1, 3, 3), order=3, mode="nearest")
    image = np.pad(np.clip(np.round(enlarged), 0, 255).astype(np.uint8), ((0, 0), (2, 2), (2, 2)))
    digit = np.asarray(content.target, dtype=np.int64)
    n_train = len(digit) * 2 // 3
    return DigitImages(image[:n_train], digit[:n_train]), DigitImages(image[n_train:], digit[n_train:])
