"""PCE, the percentage of correct events, for recordings that hold each event exactly once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from softloc_core.errors import DataError
from softloc_core.events import EventList
from softloc_core.metrics.matching import SLACK

__all__ = ["correct_event_measures"]


def correct_event_measures(
    pairs: Sequence[tuple[EventList, EventList]],
    *,
    channel_names: Sequence[str],
    tolerance_s: Sequence[float],
) -> dict[str, float]:
    """Return the share of events that are estimated exactly once, within their recording's tolerance.

    An event that is estimated twice counts as wrong; otherwise additional estimates would only improve the
    score. If each event is estimated exactly once, `pce` is also the precision, the recall and F1.

    Args:
        pairs: (reference, estimated) of each recording.
        channel_names: Name of each event, in channel order.
        tolerance_s: Largest accepted time difference of each recording in seconds, inclusive; `SLACK` is
            added to it.

    Returns:
        Measures by name. `pce` is the share over all events, in [0, 1], and `pce_<event>` the share of one
        event. `offset_median_s` is the median of estimated minus reference time over all events that are
        estimated exactly once, correct or not, so that it shows a bias beyond the tolerance. It is NaN if
        there are no such events.

    Raises:
        DataError: A reference does not hold each event exactly once.

    Source: GolfDB (McNally et al. 2019), section 5. Deliberate difference: any decoder can be scored, not
    only one that estimates each event once.
    """
    correct = np.zeros((len(pairs), len(channel_names)))
    offsets_s: list[float] = []
    for row, ((reference, estimated), allowed_s) in enumerate(zip(pairs, tolerance_s, strict=True)):
        for channel, name in enumerate(channel_names):
            true_s, found_s = reference.channel_time_s(channel), estimated.channel_time_s(channel)
            if len(true_s) != 1:
                raise DataError(f"a recording must hold {name} exactly once, but got {len(true_s)}")
            if len(found_s) == 1:
                offsets_s.append(float(found_s[0] - true_s[0]))
                correct[row, channel] = abs(offsets_s[-1]) <= allowed_s + SLACK
    shares = {f"pce_{name}": float(share) for name, share in zip(channel_names, correct.mean(0), strict=True)}
    median_s = float(np.median(offsets_s)) if offsets_s else float("nan")
    return {"pce": float(correct.mean()), **shares, "offset_median_s": median_s}
