"""Event probabilities in the precision in which they are decoded and stored."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["SMALLEST_PROB", "stored_prob"]

SMALLEST_PROB = 2.0**-10
"""Probabilities below this one are decoded and stored as 0."""


def stored_prob(event_prob: NDArray[np.float64]) -> NDArray[np.float16]:
    """Return probabilities rounded to half precision, with those below `SMALLEST_PROB` set to 0.

    A trial decodes what it stores. Decoding the stored probabilities therefore gives exactly its events.
    """
    rounded = event_prob.astype(np.float16)
    rounded[rounded < SMALLEST_PROB] = 0
    return rounded
