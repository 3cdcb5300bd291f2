"""Rendered pictures of several handwritten digits, and their sequences of windows."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Self

import numpy as np
from numpy.typing import NDArray

from softloc_core.errors import DataError
from softloc_core.events import EventList, seconds_to_frames
from softloc_core.tasks.base import Recording, array_key, generator_of
from softloc_core.tasks.digits.curves import CURVES
from softloc_core.tasks.digits.images import DigitImages

__all__ = [
    "CANVAS_PX",
    "HOP_S",
    "WINDOW_PX",
    "Canvas",
    "PictureRecording",
    "curve_of",
    "draw_canvas",
    "windows",
]

CANVAS_PX = 64
WINDOW_PX = 32
HOP_S = 1.0
"""Nominal seconds per step along the curve."""
MAX_DIGITS = 3
_INK = 32
_TRIES = 200
_HALF = "_half"


@dataclass(frozen=True, eq=False)
class Canvas:
    """A picture of one to three digits.

    Attributes:
        name: Unique within its source.
        pixel: [row, column] uint8 grey values.
        digit: [digit] class of each digit.
        centre_px: [digit, (row, column)] centres of the digits' bounding boxes in pixels.
    """

    name: str
    pixel: NDArray[np.uint8]
    digit: NDArray[np.int64]
    centre_px: NDArray[np.float64]

    @property
    def group(self) -> str:
        """The name, because each canvas is its own group."""
        return self.name

    @cached_property
    def reference(self) -> EventList:
        """The digits along the default curve, which data checks count."""
        return self.along(next(iter(CURVES)))[0]

    @property
    def content_key(self) -> str:
        """Hash of the pixels."""
        return array_key(self.pixel)

    def unreadable(self) -> DataError | None:
        """Return None, because rendered canvases need not be read."""
        return None

    def along(self, curve: str) -> tuple[EventList, NDArray[np.float64]]:
        """Return the digits as events, each at the step whose cell is nearest to the digit's centre.

        Returns:
            The events, and the centres of the digits in the order of the events, [event, (row, column)] in
            pixels.
        """
        frame_px = CURVES[curve].centre_px(CANVAS_PX)
        distance = np.linalg.norm(self.centre_px[:, None] - frame_px[None], axis=2)
        time_s = distance.argmin(axis=1) * HOP_S
        order = np.lexsort((self.digit, time_s))
        events = EventList(time_s[order], self.digit[order], (len(frame_px) - 1) * HOP_S)
        return events, self.centre_px[order]


@dataclass(frozen=True, eq=False, kw_only=True)
class PictureRecording(Recording):
    """A picture as a sequence of windows, with the positions that scores need.

    Attributes:
        frame_px: [frame, (row, column)] centre of each window in pixels.
        event_px: [event, (row, column)] centre of the bounding box of each reference event in pixels.
    """

    frame_px: NDArray[np.float64]
    event_px: NDArray[np.float64]

    def places(self, step: NDArray[np.float64]) -> NDArray[np.float64]:
        """Interpolate positions along the curve at fractional steps, [step, (row, column)] in pixels."""
        known = np.arange(len(self.frame_px))
        return np.stack([np.interp(step, known, axis) for axis in self.frame_px.T], axis=1)

    def with_reference(self, reference: EventList) -> Self:
        """Return the picture with other events, whose positions follow from their times."""
        if reference == self.reference:
            return self
        step = seconds_to_frames(reference.time_s, hop_s=self.hop_s)
        return replace(self, reference=reference, event_px=self.places(step))


def draw_canvas(name: str, images: DigitImages, *, seed: int) -> Canvas:
    """Draw one to three digits at random positions with separate bounding boxes.

    The canvas is determined by its name, the images and the seed.

    Source: LoCo paper, section 8.2, which states neither the size of the canvas nor the number of digits.
    """
    rng = generator_of("canvas", seed, name)
    n_digits = int(rng.integers(1, MAX_DIGITS + 1))
    while True:
        chosen = rng.integers(len(images.digit), size=n_digits)
        cut = [_cropped(images.image[index]) for index in chosen]
        corners = _places([image.shape for image in cut], rng)
        if corners is not None:
            break
    pixel = np.zeros((CANVAS_PX, CANVAS_PX), dtype=np.uint8)
    centres = []
    for image, (row, column) in zip(cut, corners, strict=True):
        height, width = image.shape
        pixel[row : row + height, column : column + width] = image
        centres.append((row + height / 2, column + width / 2))
    return Canvas(name, pixel, images.digit[chosen], np.array(centres))


def _cropped(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Crop an image to the bounding box of the digit."""
    ink = image > _INK
    rows, columns = (np.flatnonzero(ink.any(axis=axis)) for axis in (1, 0))
    if not len(rows):
        return image
    return image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def _places(shapes: list[tuple[int, ...]], rng: np.random.Generator) -> list[tuple[int, int]] | None:
    """Draw upper left corners of boxes that do not touch. Return None if no attempt succeeds."""
    size = np.array(shapes)
    for _ in range(_TRIES):
        corner = np.array([rng.integers(0, CANVAS_PX - np.array(shape) + 1) for shape in shapes])
        gap = np.maximum(
            corner[:, None] - corner[None] - size[None], corner[None] - corner[:, None] - size[:, None]
        ).max(axis=2)
        if (gap[~np.eye(len(shapes), dtype=bool)] > 0).all():
            return [(int(row), int(column)) for row, column in corner]
    return None


def curve_of(features: str) -> str:
    """Return the curve that the name of a front end starts with."""
    return features.removesuffix(_HALF)


def windows(pixel: NDArray[np.uint8], features: str) -> NDArray[np.float32]:
    """Return the windows around the cells of a curve, [frame, band] float32 in 0 to 1.

    The area outside the canvas is background.

    Args:
        pixel: The canvas, [row, column].
        features: `<curve>` for windows of 32 x 32 pixels (1024 bands), or `<curve>_half` for the same windows
            at half the resolution (256 bands).
    """
    centre = np.floor(CURVES[curve_of(features)].centre_px(pixel.shape[0])).astype(np.int64)
    padded = np.pad(pixel, WINDOW_PX // 2)
    offset = np.arange(WINDOW_PX)
    rows, columns = centre[:, 0, None] + offset, centre[:, 1, None] + offset
    cut = padded[rows[:, :, None], columns[:, None, :]].astype(np.float32) / 255
    if features.endswith(_HALF):
        half = WINDOW_PX // 2
        cut = cut.reshape(len(cut), half, 2, half, 2).mean(axis=(2, 4))
    bands: NDArray[np.float32] = cut.reshape(len(cut), -1)
    return bands
