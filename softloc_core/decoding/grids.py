"""The grids of decoders among which a calibrated decoding chooses, the same for every loss."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace

import numpy as np
from numpy.typing import NDArray

from softloc_core.decoding.decoders import AnyDecoder, LocalMass, decode, event_list
from softloc_core.events import EventList, FrameGrid
from softloc_core.options import OptionValue

__all__ = ["calibration_grid", "decode_with_each"]

_MASSES = (0.01, 0.02, 0.03, 0.05, 0.07, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.7, 1.0, 1.5, 2.0, 3.0, 5.0)
_THRESHOLDS = (0.02, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)
# Durations in tolerances of the task.
_WINDOWS = (1.0, 2.0, 3.0)
_SMOOTHINGS = (0.0, 1.0, 2.0, 3.0, 4.0)


def calibration_grid(
    decoder: AnyDecoder, *, tolerance_s: float, options: Mapping[str, OptionValue]
) -> tuple[AnyDecoder, ...]:
    """Return the decoders of one kind to choose from, the simplest first.

    The simplest is the given decoder; the others follow by the distance of their parameters from it. The
    grids are wide: 0.01 to 5 for the mass in a window, 1, 2 and 3 tolerances for the window, 0.02 to 0.8 for
    a threshold on frames, and 0 to 4 tolerances for the running mean over classes. A parameter that `options`
    sets is not varied.

    Args:
        decoder: Where the grid is centred, and the only one of it if nothing can be varied.
        tolerance_s: Tolerance of the scores in seconds, > 0.
        options: Decoding options of a study.
    """
    grids = {
        "mass": _MASSES,
        "window_s": tuple(factor * tolerance_s for factor in _WINDOWS),
        "threshold": _THRESHOLDS,
        "smoothing_s": tuple(factor * tolerance_s for factor in _SMOOTHINGS),
    }
    names = [field.name for field in fields(decoder) if field.name in grids and field.name not in options]
    combinations = itertools.product(*(grids[name] for name in names))
    found = (replace(decoder, **dict(zip(names, values, strict=True))) for values in combinations)
    others = sorted(
        (other for other in found if other != decoder), key=lambda other: _distance(other, decoder)
    )
    return (decoder, *others)


def _distance(decoder: AnyDecoder, simplest: AnyDecoder) -> float:
    """Return how far the parameters of two decoders of one kind are apart, in factors of e."""
    tiny = 1e-3
    pairs = ((getattr(decoder, item.name), getattr(simplest, item.name)) for item in fields(decoder))
    return sum(abs(math.log((value + tiny) / (base + tiny))) for value, base in pairs)


def decode_with_each(
    event_prob: NDArray[np.float64],
    decoders: Sequence[AnyDecoder],
    *,
    grid: FrameGrid,
    duration_s: float,
) -> list[EventList]:
    """Return the events of one recording by each of several decoders, as `decode` returns them.

    Decoders that differ only in the mass share their work.

    Args:
        event_prob: [channel, frame] probabilities.
        decoders: Decoders to apply.
        grid: Frames of the recording.
        duration_s: Length of the recording in seconds.
    """
    least: dict[float, LocalMass] = {}
    for decoder in decoders:
        if isinstance(decoder, LocalMass):
            known = least.get(decoder.window_s, decoder)
            least[decoder.window_s] = min(known, decoder, key=lambda one: one.mass)
    ranked = {
        window_s: [decoder.ranked(channel, hop_s=grid.hop_s) for channel in event_prob]
        for window_s, decoder in least.items()
    }
    found = []
    for decoder in decoders:
        if isinstance(decoder, LocalMass):
            frames = [decoder.selected(*events) for events in ranked[decoder.window_s]]
            found.append(event_list(frames, grid=grid, duration_s=duration_s))
        else:
            found.append(decode(event_prob, decoder, grid=grid, duration_s=duration_s))
    return found
