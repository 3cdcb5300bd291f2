"""Event probabilities as rows of the table `probabilities`, and back."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa

from softloc_core.inference import Predictions
from softloc_core.tasks import TaskData
from softloc_core.trial import TrialResult
from sweeps.storage.schema import Row

__all__ = ["probabilities_are_small", "probability_rows", "stored_predictions"]

# Measured on drums with the smeared predictions of one-sided smoothing; other losses take a tenth of it.
_BYTES_PER_PROBABILITY = 1.6
_SMALL_BYTES = 100_000


def probabilities_are_small(data: TaskData) -> bool:
    """Whether a trial on this data stores less than about 100 kB of probabilities, whatever the loss."""
    frames = sum(len(recording.features) for recording in (*data.validation, *data.test))
    return frames * len(data.channel_names) * _BYTES_PER_PROBABILITY < _SMALL_BYTES


def probability_rows(result: TrialResult, channel_names: Sequence[str]) -> tuple[Row, ...]:
    """Return the probabilities above 0 of each validation and test recording and class."""
    rows = []
    for part, recordings in result.predictions.items():
        for recording, event_prob in recordings.items():
            for channel, prob in zip(channel_names, event_prob, strict=True):
                frame = np.flatnonzero(prob).astype(np.int32)
                rows.append(
                    {
                        "trial_id": result.trial_id,
                        "part": part,
                        "recording": recording,
                        "channel": channel,
                        "n_frames": len(prob),
                        "frame": frame,
                        "probability": prob[frame],
                    }
                )
    return tuple(rows)


def stored_predictions(rows: pa.Table, channel_names: Sequence[str]) -> Mapping[str, Predictions]:
    """Return the event probabilities of one trial, [channel, frame] by part and recording.

    Args:
        rows: The trial's rows of `probabilities`.
        channel_names: Name of each class, in channel order.
    """
    found: dict[str, dict[str, np.ndarray]] = defaultdict(dict)
    number = {name: index for index, name in enumerate(channel_names)}
    columns = [rows.column(name).to_pylist() for name in ("part", "recording", "channel", "n_frames")]
    frames, probabilities = (rows.column(name).combine_chunks() for name in ("frame", "probability"))
    frame, prob = frames.flatten().to_numpy(), probabilities.flatten().to_numpy(zero_copy_only=False)
    ends = np.cumsum([0, *frames.value_lengths().to_pylist()])
    for row, (part, recording, channel, n_frames) in enumerate(zip(*columns, strict=True)):
        empty = np.zeros((len(channel_names), n_frames), dtype=np.float16)
        of_recording = found[part].setdefault(recording, empty)
        own = slice(ends[row], ends[row + 1])
        of_recording[number[channel], frame[own]] = prob[own]
    return found
