"""Drum transcription: hi-hat, kick drum and snare drum onsets within 50 ms."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from softloc_core.errors import ConfigError, DataError
from softloc_core.features import FeatureCache, FrontEnd, front_end
from softloc_core.losses.schedules import Ramp
from softloc_core.tasks.base import DataRequest, Recording, SourceInfo, TaskData
from softloc_core.tasks.checks import RecordingSummary, SourceReport
from softloc_core.tasks.drum_annotations import DRUM_CHANNELS
from softloc_core.tasks.drum_idmt import IdmtSource
from softloc_core.tasks.drum_mdb import MdbSource
from softloc_core.tasks.drum_recordings import DrumRecording, DrumSource, SplitNames
from softloc_core.tasks.drum_synthetic import SyntheticSource

__all__ = ["DrumTask"]

logger = logging.getLogger(__name__)

# What a study file need not write, whatever the network.
_DEFAULTS: Mapping[str, Any] = {
    # data
    "fold": 0,
    # loss and labels
    "loss_options": (),
    "measure": "squared",
    "softness_s": 0.1,
    "noise": "normal",
    "noise_options": (),
    "label_noise_s": 0.0,
    # training
    "excerpt_s": 1.5,
    "gradient_clip": 10.0,
    "initial_empty_prob": 0.8,
    # scoring
    "decoding": "auto",
    "tolerance_s": 0.05,
}
# What depends on the network.
_NETWORK_DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    # Chosen on training recordings left out of training; see docs/tasks.md.
    "compact": {
        "features": "log_mel_48",
        "alpha": Ramp(low=0.7, high=0.9, start=0.2, stop=0.9),
        "iterations": 2_200,
        "batch_size": 16,
        "learning_rate": 8e-3,
        "learning_rate_schedule": "trapezoid",
        "weight_averaging": 0.998,
        "weight_decay": 0.01,
        "gain_db": 6.0,
        "band_gain_db": 3.0,
    },
    # Source: the SoftLoc paper's released code, drum experiment.
    "paper": {
        "features": "paper",
        "alpha": Ramp(low=0.2, high=0.9, start=1 / 3, stop=0.8),
        "iterations": 150_000,
        "batch_size": 32,
        "learning_rate": 1e-4,
        "learning_rate_schedule": "constant",
        "weight_averaging": 0.0,
        "weight_decay": 0.0,
        "gain_db": 0.0,
        "band_gain_db": 0.0,
    },
}


class DrumTask:
    """The drum task of the SoftLoc paper (section 5.1.2), on recorded or rendered drums."""

    name = "drums"
    description = "onsets of hi-hat, kick drum and snare drum in drum recordings"
    channel_names: tuple[str, ...] = DRUM_CHANNELS
    tolerance_s = 0.05
    networks: tuple[str, ...] = tuple(_NETWORK_DEFAULTS)

    def __init__(self) -> None:
        sources: tuple[DrumSource, ...] = (MdbSource(), IdmtSource(), SyntheticSource())
        self._sources = {source.info.name: source for source in sources}
        self.sources: Mapping[str, SourceInfo] = {name: source.info for name, source in self._sources.items()}

    def defaults(self, network: str) -> Mapping[str, Any]:
        """TrialConfig fields that a study file need not write; the split is the source's `default_split`.

        Raises:
            ConfigError: The network is none of the task's.
        """
        if network not in _NETWORK_DEFAULTS:
            raise ConfigError(f"`network` must be one of {', '.join(self.networks)}, but got {network}")
        return {**_DEFAULTS, **_NETWORK_DEFAULTS[network], "task": self.name, "network": network}

    def load(self, request: DataRequest, *, data_root: Path | None, cache_dir: Path) -> TaskData:
        """Recordings with features, from the cache where they are already there.

        Raises:
            DataError: Data that is absent or cannot be used; the message names the file and the line.
            ConfigError: A source, split, fold or front end that does not exist, or no data root.
        """
        bands = front_end(request.features)
        source = self._source(request)
        split = source.split(request, data_root)
        scan = source.scan(data_root, names=split.all, seed=request.seed)
        if scan.problems:
            raise scan.problems[0]
        cache = FeatureCache(cache_dir)
        recordings = {found.name: _with_features(found, cache, bands) for found in scan.recordings}
        logger.info(
            "drums, %s: features computed %d, reused %d", request.source, cache.n_computed, cache.n_reused
        )
        keys = {found.name: cache.key(found.audio, front_end=bands) for found in scan.recordings}
        return TaskData(
            task=self.name,
            source=request.source,
            channel_names=self.channel_names,
            hop_s=bands.hop_s,
            train=tuple(recordings[name] for name in split.train),
            validation=tuple(recordings[name] for name in split.validation),
            test=tuple(recordings[name] for name in split.test),
            fingerprint=_fingerprint(split, recordings, keys),
        )

    def check(self, source: str, *, data_root: Path | None) -> SourceReport:
        """Read every recording and annotation of a source, whole, and collect what is wrong.

        Raises:
            ConfigError: An unknown source, or no data root where one is needed.
        """
        info = self._info(source)
        request = DataRequest(self.name, source, info.default_split, fold=0, features="", seed=0)
        recordings: list[RecordingSummary] = []
        problems: list[str] = []
        try:
            scan = self._sources[source].scan(data_root, names=None, seed=request.seed)
            problems.extend(str(problem) for problem in scan.problems)
            recordings.extend(self._summary(found) for found in scan.recordings)
            if info.needs_data_root:
                problems.extend(problem for found in scan.recordings for problem in _audio_problems(found))
            self._sources[source].split(request, data_root)
        except DataError as problem:
            problems.append(str(problem))
        return SourceReport(self.name, source, tuple(recordings), tuple(dict.fromkeys(problems)))

    def _summary(self, found: DrumRecording) -> RecordingSummary:
        """What a user is told of a recording."""
        n_events = {
            name: len(found.events.channel_time_s(index)) for index, name in enumerate(self.channel_names)
        }
        return RecordingSummary(found.name, found.group, found.audio.duration_s, n_events)

    def _info(self, source: str) -> SourceInfo:
        """What is known of a source."""
        if source not in self.sources:
            raise ConfigError(f"`data` must be one of {', '.join(self.sources)}, but got {source}")
        return self.sources[source]

    def _source(self, request: DataRequest) -> DrumSource:
        """The source a request names, its split and fold checked."""
        splits = self._info(request.source).splits
        if request.split not in splits:
            raise ConfigError(f"`split` must be one of {', '.join(splits)}, but got {request.split}")
        if not 0 <= request.fold < splits[request.split]:
            last = splits[request.split] - 1
            raise ConfigError(
                f"`fold` of the split {request.split} must be 0 to {last}, but got {request.fold}"
            )
        return self._sources[request.source]


def _audio_problems(found: DrumRecording) -> list[str]:
    """What only shows when the samples are read."""
    try:
        found.audio.load()
    except DataError as problem:
        return [str(problem)]
    return []


def _with_features(found: DrumRecording, cache: FeatureCache, bands: FrontEnd) -> Recording:
    """The recording as training reads it."""
    return Recording(
        name=found.name,
        group=found.group,
        features=cache.features(found.audio, front_end=bands),
        hop_s=bands.hop_s,
        reference=found.events,
        label=found.events,
    )


def _fingerprint(split: SplitNames, recordings: Mapping[str, Recording], keys: Mapping[str, str]) -> str:
    """SHA-256 over the features' keys, the annotations and the split; neither paths nor dates."""
    content = {
        "split": {"train": split.train, "validation": split.validation, "test": split.test},
        "recordings": {
            name: [keys[name], *(recording.reference.time_s.tolist(), recording.reference.channel.tolist())]
            for name, recording in recordings.items()
        },
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
