"""A detection task that is learned in a second: each event lights up its channel's bands."""

import numpy as np

from softloc_core.events import EventList
from softloc_core.losses import Ramp
from softloc_core.tasks import Recording, TaskData
from softloc_core.trial import TrialConfig

HOP_S = 0.01
N_BANDS = 8
# Settings of the optimisation, with the names that `TrialConfig` and `Optimisation` share.
TRAINING = {
    "iterations": 80,
    "batch_size": 8,
    "learning_rate": 0.01,
    "learning_rate_schedule": "trapezoid",
    "weight_averaging": 0.0,
    "weight_decay": 0.0,
    "gradient_clip": 10.0,
    "gain_db": 3.0,
    "band_gain_db": 1.0,
}

CONFIG = TrialConfig(
    task="drums",
    data="rendered",
    split="only",
    fold=0,
    features="none",
    network="compact",
    loss="softloc",
    loss_options=(),
    measure="squared",
    softness_s=0.05,
    alpha=Ramp(low=0.2, high=0.9, start=0.2, stop=0.9),
    noise="normal",
    noise_options=(),
    label_noise_s=0.0,
    noise_draw=0,
    validation_labels="misaligned",
    excerpt_s=1.0,
    rate_variation=0.0,
    rate_centre=1.0,
    rate_share=1.0,
    stacking=0.0,
    initial_empty_prob=0.8,
    decoding="auto",
    decoding_options=(),
    ensemble_options=(),
    tolerance_s=0.05,
    seed=0,
    replicate=0,
    threads=1,
    **TRAINING,
)
"""The configuration of a trial on this task."""


def tiny_recording(name: str, *, n_frames: int = 400) -> Recording:
    rng = np.random.default_rng([*name.encode()])
    frame = np.arange(10, n_frames - 10, 20) + rng.integers(-5, 6, size=len(range(10, n_frames - 10, 20)))
    channel = rng.integers(0, 2, size=len(frame))
    features = rng.normal(-40, 3, size=(n_frames, N_BANDS)).astype(np.float32)
    for f, c in zip(frame, channel, strict=True):
        features[f : f + 3, 4 * c : 4 * c + 4] += 30
    events = EventList(frame * HOP_S, channel, n_frames * HOP_S)
    return Recording(name=name, group=name, features=features, hop_s=HOP_S, reference=events, label=events)


def tiny_data(fingerprint: str = "tiny") -> TaskData:
    return TaskData(
        task="tiny",
        source="rendered",
        channel_names=("low", "high"),
        hop_s=HOP_S,
        train=tuple(tiny_recording(f"train{k}") for k in range(3)),
        validation=(),
        test=(tiny_recording("test0"),),
        fingerprint=fingerprint,
    )
