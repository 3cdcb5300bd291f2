"""The version of every part that decides a trial's result.

Whoever changes what a part computes raises its number by hand: `version` of a loss, a kind of noise, a task
or a network, or one of the two numbers below. A test trains a tiny trial with each part, and fails if its
results change while the number stays.
"""

from __future__ import annotations

from collections.abc import Mapping

from softloc_core.label_noise import NOISES
from softloc_core.losses import LOSSES
from softloc_core.networks import network_version
from softloc_core.tasks import TASKS

__all__ = ["DECODING_VERSION", "TRAINING_VERSION", "part_versions"]

TRAINING_VERSION = 2
"""Version of training: labels on frames, excerpts, augmentation, optimiser and averaging."""
DECODING_VERSION = 2
"""Version of inference and scores: ensembles, precision of probabilities, decoders, calibration, matching."""


def part_versions(*, task: str, network: str, loss: str, noise: str) -> Mapping[str, int]:
    """Return the version of each part of a trial by name; a part that is not registered is left out.

    Front ends are not among them: their version enters the fingerprint of the data.
    """
    found = {"training": TRAINING_VERSION, "decoding": DECODING_VERSION}
    if task in TASKS.tasks:
        found["task"] = TASKS.get(task).version
        if network in TASKS.get(task).networks:
            found["network"] = network_version(TASKS.get(task).networks[network])
    if loss in LOSSES:
        found["loss"] = LOSSES[loss].version
    if noise in NOISES:
        found["noise"] = NOISES[noise].version
    return found
