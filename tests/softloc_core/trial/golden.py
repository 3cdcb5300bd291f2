"""Small results of every registered part that decides a trial's result, with the part's version.

python -m tests.softloc_core.trial.golden

writes them to golden.json. Do so after you raise the version of a part whose results changed.

Results are numbers, not hashes, and are compared with a tolerance: processors and libraries differ in the
last digits, which a hash would report as a change.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from softloc_core.decoding import DECODERS, FrameClass, decode
from softloc_core.events import EventList, FrameGrid, SegmentList
from softloc_core.features import FRONT_ENDS
from softloc_core.label_noise import NOISES, misaligned
from softloc_core.losses import LOSSES
from softloc_core.networks import network_version
from softloc_core.tasks import TASKS, Recording, Task, TaskData
from softloc_core.trial import TrialConfig
from softloc_core.trial.run import TrialRun
from softloc_core.trial.versions import DECODING_VERSION, TRAINING_VERSION
from tests.softloc_core.tiny_data import CONFIG as TINY_CONFIG, HOP_S, tiny_data, tiny_recording

FILE = Path(__file__).with_name("golden.json")
CONFIG = replace(TINY_CONFIG, label_noise_s=0.03, decoding="calibrated", iterations=20)


def results() -> dict[str, dict[str, Any]]:
    """Return the version and the numbers of each part, by kind and name."""
    return {
        f"{kind} {name}": {"version": version, "numbers": numbers}
        for kind, name, version, numbers in (
            *_losses(),
            *_training(),
            *_noises(),
            *_networks(),
            *_decoders(),
            *_scores(),
        )
    }


def _trained(config: TrialConfig) -> list[float]:
    """Return numbers that depend on all weights, losses and scores of a tiny trial."""
    data = replace(tiny_data(), validation=(tiny_recording("validation0"),))
    run = TrialRun(config, data)
    run.advance(config.iterations)
    result = run.result()
    weights = np.concatenate([value.numpy().ravel() for value in run.weights().values()]).astype(float)
    # Two projections of the weights, so that no change cancels in both.
    waves = [np.sin(0.7 * k * np.arange(len(weights))) for k in (1, 2)]
    return [
        *(float(weights @ wave) for wave in waves),
        float(np.abs(weights).sum()),
        result.history[-1].loss,
        float(np.sum(result.predictions["test"]["test0"].astype(float))),
    ]


def _losses() -> Iterator[tuple[str, str, int, list[float]]]:
    for name, entry in LOSSES.items():
        yield "loss", name, entry.version, _trained(replace(CONFIG, loss=name))


def _training() -> Iterator[tuple[str, str, int, list[float]]]:
    changed: dict[str, dict[str, Any]] = {
        "averaged": {"weight_averaging": 0.9, "weight_decay": 0.01},
        "faster": {"rate_variation": 0.2, "stacking": 0.5, "features": "log_mel_48"},
        "collisions": {"label_noise_s": 1.0},
    }
    for name, fields in changed.items():
        yield "training", name, TRAINING_VERSION, _trained(replace(CONFIG, **fields))


def _noises() -> Iterator[tuple[str, str, int, list[float]]]:
    events = EventList(np.linspace(1, 19, 10), np.arange(10) % 2, 20.0)
    for name, noise in NOISES.items():
        options = {"missing_rate": 0.1, "spurious_rate": 0.2}
        label = misaligned(
            events, noise=name, scale_s=0.3, seed=1, replicate=2, recording="a", options=options
        )
        yield "noise", name, noise.version, label.time_s.tolist()


def _networks() -> Iterator[tuple[str, str, int, list[float]]]:
    for task in _own_tasks():
        for name, builder in task.networks.items():
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(3)
                n_bands = _n_bands(str(task.defaults(name)["features"]))
                network = builder(n_bands=n_bands, n_channels=3, initial_logit=-2.0).eval()
                features = torch.randn(1, 40, n_bands)
            with torch.no_grad():
                logit = network(features).double()
            numbers = [float(logit.mean()), float(logit.std()), float(logit[0, :, ::7].sum())]
            yield "network", f"{task.name} {name}", network_version(builder), numbers


def _own_tasks() -> list[Task]:
    """Return the package's tasks, without those that other tests register."""
    return [task for task in TASKS.tasks.values() if type(task).__module__.startswith("softloc_core.")]


def _n_bands(features: str) -> int:
    """Return the number of bands of a front end for sound, or of one that suits all other networks."""
    if features not in FRONT_ENDS:
        return {"hilbert": 1024, "hilbert_half": 256}.get(features, 12)
    return FRONT_ENDS[features].kept_bands or FRONT_ENDS[features].n_bands


def _decoders() -> Iterator[tuple[str, str, int, list[float]]]:
    rng = np.random.default_rng(5)
    prob = np.clip(rng.gamma(0.15, 0.5, size=(2, 600)), 0, 0.99)
    for name, decoder in DECODERS.items():
        found = decode(prob, decoder, grid=FrameGrid(hop_s=0.01, n_frames=600), duration_s=6.0)
        summary = [float(len(found)), float(found.time_s.sum()), float((found.time_s * found.channel).sum())]
        yield "decoder", name, DECODING_VERSION, summary
        assert isinstance(decoder, FrameClass) or len(found) < 1200


def _scores() -> Iterator[tuple[str, str, int, list[float]]]:
    for task in _own_tasks():
        if not task.scores_events_alone:
            continue
        names = task.channel_names
        rng = np.random.default_rng(7)
        times_s = np.sort(rng.uniform(1, 80, len(names)))
        if task.auto_decoding["point"] == "frame_class":
            times_s[0] = 0.0
        kind = SegmentList if times_s[0] == 0 else EventList
        reference = kind(times_s, np.arange(len(names)), 100.0)
        scale = 1.2 * task.tolerance_s
        estimated_s = np.clip(times_s + rng.uniform(-scale, scale, len(names)), 0, 100)
        features = np.zeros((int(100 / HOP_S), 1), dtype=np.float32)
        recording = Recording("a", "a", features, HOP_S, reference, reference)
        data = TaskData(task.name, "here", names, HOP_S, (), (), (recording,), "x")
        events = {"a": EventList(estimated_s, np.arange(len(names)), 100.0)}
        scores = task.score(data, events, tolerance_s=task.tolerance_s)
        measured = [value for _, value in sorted(scores.measures.items()) if np.isfinite(value)]
        yield "task", task.name, task.version, [scores.f1, scores.precision, *measured]


if __name__ == "__main__":
    torch.set_num_threads(1)
    lines = [f"{json.dumps(name)}: {json.dumps(found)}" for name, found in results().items()]
    FILE.write_text("{\n" + ",\n".join(lines) + "\n}\n")
