"""Localization of handwritten digits, learned from counts only."""

from softloc_core.tasks.digits.canvases import WINDOW_PX
from softloc_core.tasks.digits.images import FIELD_PX, embedded_digits, mnist_digits
from softloc_core.tasks.digits.task import DigitTask

__all__ = ["FIELD_PX", "WINDOW_PX", "DigitTask", "embedded_digits", "mnist_digits"]
