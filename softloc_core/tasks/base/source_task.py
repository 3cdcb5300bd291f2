"""What tasks over data sources share: defaults, loading, checking and scoring."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, Generic

from softloc_core.decoding import AUTO_DECODING
from softloc_core.errors import ConfigError, DataError
from softloc_core.events import EventList
from softloc_core.features import FRONT_ENDS, FeatureCache, FrontEnd, front_end
from softloc_core.metrics import Scores, score_events
from softloc_core.networks import NetworkBuilder
from softloc_core.tasks.base.checks import RecordingSummary, SourceReport
from softloc_core.tasks.base.contract import DataRequest, FeatureSum, Recording, SourceInfo, TaskData
from softloc_core.tasks.base.defaults import COMMON_DEFAULTS
from softloc_core.tasks.base.sources import AudioRecording, Found, SignalRecording, Source
from softloc_core.tasks.base.splits import SplitNames

__all__ = ["AudioTask", "RecordingReader", "SignalTask", "SourceTask"]

logger = logging.getLogger(__name__)


class SourceTask(Generic[Found]):
    """Base class of tasks over data sources. Subclasses define the attributes and inherit the methods.

    Attributes:
        name: Name used in study files.
        description: Description in one line.
        channel_names: Name of each class, in channel order. A source may define others, see `SourceInfo`.
        tolerance_s: Default tolerance of the scores, in seconds.
        score_name: What `Scores.f1` is in this task, as it is written on an axis.
        time_unit: Unit in which the task's field speaks of label noise and softness, one of `TIME_UNITS`.
        scores_events_alone: Whether events and their times are all that `score` reads of a recording.
        version: Version of the task's results, from 1. It is raised by hand whenever the score, the rule of a
            split or what is read changes results.
        networks: Builders of the task's networks, by name. The first network is the default.
        auto_decoding: The decoder that `auto` selects, by what the loss makes a network predict.
        rates_vary: Whether recordings may be played faster or slower to augment them.
        feature_sums: How to combine the features of two superimposed recordings, by front end. Features of
            other front ends cannot be superimposed.
        shared_defaults: Defaults that differ from `COMMON_DEFAULTS` for all networks of the task.
        network_defaults: Further defaults of each network, by name.
        sources: Information about each source, by name.
    """

    name: str
    description: str
    channel_names: tuple[str, ...]
    tolerance_s: float
    score_name: str = "F1"
    time_unit: str = "ms"
    scores_events_alone: bool = True
    version: int = 1
    networks: Mapping[str, NetworkBuilder]
    auto_decoding: Mapping[str, str] = AUTO_DECODING
    rates_vary: bool = True
    feature_sums: Mapping[str, FeatureSum] = MappingProxyType({})
    shared_defaults: Mapping[str, Any]
    network_defaults: Mapping[str, Mapping[str, Any]]

    def __init__(self, sources: Sequence[Source[Found]]) -> None:
        """Create the task from its sources. The first source is the default."""
        self._sources = {source.info.name: source for source in sources}
        self.sources: Mapping[str, SourceInfo] = {name: source.info for name, source in self._sources.items()}

    def source(self, name: str) -> Source[Found]:
        """Return the data source with this name.

        Raises:
            ConfigError: The task has no source of that name.
        """
        if name not in self._sources:
            raise ConfigError(f"`data` must be one of {', '.join(self._sources)}, but got {name}")
        return self._sources[name]

    def defaults(self, network: str) -> Mapping[str, Any]:
        """Return the default `TrialConfig` fields for one of the task's networks.

        The default split is not among them. It depends on the source, see `SourceInfo.default_split`.

        Raises:
            ConfigError: The task has no network of that name.
        """
        if network not in self.networks:
            raise ConfigError(f"`network` must be one of {', '.join(self.networks)}, but got {network}")
        given = {**COMMON_DEFAULTS, **self.shared_defaults, **self.network_defaults[network]}
        return {**given, "tolerance_s": self.tolerance_s, "task": self.name, "network": network}

    def load(self, request: DataRequest, *, data_root: Path | None, cache_dir: Path) -> TaskData:
        """Load the recordings with their features, from the cache if they are there.

        Args:
            request: The data to load.
            data_root: Folder of the recorded data; None for rendered data.
            cache_dir: Folder of the feature cache.

        Raises:
            DataError: The data is missing or cannot be used. The message names the file and the line.
            ConfigError: The source, split, fold or front end does not exist, or there is no data root.
        """
        reader = self._reader(request, cache_dir)
        source = self._requested_source(request)
        split = source.split(request, data_root)
        scan = source.scan(data_root, names=split.all, seed=request.seed)
        if scan.problems:
            raise scan.problems[0]
        recordings = {found.name: reader.recording(found) for found in scan.recordings}
        reader.log(f"{self.name}, {request.source}")
        keys = {found.name: reader.key(found) for found in scan.recordings}
        return TaskData(
            task=self.name,
            source=request.source,
            channel_names=source.info.channel_names or self.channel_names,
            hop_s=recordings[split.train[0]].hop_s,
            train=tuple(recordings[name] for name in split.train),
            validation=tuple(recordings[name] for name in split.validation),
            test=tuple(recordings[name] for name in split.test),
            fingerprint=_fingerprint(split, recordings, keys),
        )

    def check(self, source: str, *, data_root: Path | None) -> SourceReport:
        """Read every recording and annotation of a source completely and collect all problems.

        Raises:
            ConfigError: The source does not exist, or it needs a data root and none is given.
        """
        checked = self.source(source)
        info = checked.info
        request = DataRequest(self.name, source, info.default_split, fold=0, features="", seed=0)
        names = info.channel_names or self.channel_names
        recordings: list[RecordingSummary] = []
        problems: list[str] = []
        try:
            scan = checked.scan(data_root, names=None, seed=request.seed)
            problems.extend(str(problem) for problem in scan.problems)
            recordings.extend(_summary(found, names) for found in scan.recordings)
            if info.needs_data_root:
                unreadable = [found.unreadable() for found in scan.recordings]
                problems.extend(str(problem) for problem in unreadable if problem is not None)
            checked.split(request, data_root)
        except DataError as problem:
            problems.append(str(problem))
        return SourceReport(self.name, source, tuple(recordings), tuple(dict.fromkeys(problems)))

    def score(self, data: TaskData, events: Mapping[str, EventList], *, tolerance_s: float) -> Scores:
        """Score the estimated events of the test recordings, pooled over recordings and classes.

        Args:
            data: The loaded data. Its test recordings hold the reference events.
            events: Estimated events of each test recording, by name.
            tolerance_s: Largest accepted time difference in seconds. A recording's own tolerance takes
                precedence.
        """
        return score_events(
            ((recording.reference, events[recording.name]) for recording in data.test),
            channel_names=data.channel_names,
            tolerance_s=[recording.tolerance_s or tolerance_s for recording in data.test],
        )

    def _reader(self, request: DataRequest, cache_dir: Path) -> RecordingReader[Found]:
        """Return the reader that turns what the source found into recordings with features."""
        raise NotImplementedError

    def _requested_source(self, request: DataRequest) -> Source[Found]:
        """Return the requested source after validating the split and the fold."""
        source = self.source(request.source)
        splits = source.info.splits
        if request.split not in splits:
            raise ConfigError(f"`split` must be one of {', '.join(splits)}, but got {request.split}")
        if not 0 <= request.fold < splits[request.split]:
            last = splits[request.split] - 1
            raise ConfigError(
                f"`fold` of the split {request.split} must be 0 to {last}, but got {request.fold}"
            )
        return source


class RecordingReader(Generic[Found]):
    """Turns the recordings that a source found into recordings with features."""

    def recording(self, found: Found) -> Recording:
        """Return the recording as training reads it."""
        raise NotImplementedError

    def key(self, found: Found) -> str:
        """Return a hash of everything that determines the features."""
        raise NotImplementedError

    def log(self, what: str) -> None:
        """Log a summary of the loaded data; `what` names the data."""


class AudioTask(SourceTask[AudioRecording]):
    """Base class of tasks over sound. The features are cached on disk."""

    feature_sums: Mapping[str, FeatureSum] = {name: bands.sum_of for name, bands in FRONT_ENDS.items()}

    def _reader(self, request: DataRequest, cache_dir: Path) -> RecordingReader[AudioRecording]:
        return _AudioReader(front_end(request.features), FeatureCache(cache_dir))


class _AudioReader(RecordingReader[AudioRecording]):
    def __init__(self, bands: FrontEnd, cache: FeatureCache) -> None:
        self._bands, self._cache = bands, cache

    def recording(self, found: AudioRecording) -> Recording:
        return Recording(
            name=found.name,
            group=found.group,
            features=self._cache.features(found.audio, front_end=self._bands),
            hop_s=self._bands.hop_s,
            reference=found.reference,
            label=found.reference if found.label is None else found.label,
        )

    def key(self, found: AudioRecording) -> str:
        return self._cache.key(found.audio, front_end=self._bands)

    def log(self, what: str) -> None:
        logger.info("%s: features computed %d, reused %d", what, self._cache.n_computed, self._cache.n_reused)


class SignalTask(SourceTask[SignalRecording]):
    """Base class of tasks over other signals, whose features are computed in memory.

    Attributes:
        front_ends: Names of the front ends that the recordings support. The first one is the default.
    """

    front_ends: tuple[str, ...] = ("plain",)

    def _reader(self, request: DataRequest, cache_dir: Path) -> RecordingReader[SignalRecording]:
        if request.features not in self.front_ends:
            raise ConfigError(
                f"`features` must be one of {', '.join(self.front_ends)}, but got {request.features}"
            )
        return _SignalReader(request.features)


class _SignalReader(RecordingReader[SignalRecording]):
    def __init__(self, features: str) -> None:
        self._features = features

    def recording(self, found: SignalRecording) -> Recording:
        features = found.features(self._features)
        features.setflags(write=False)
        return Recording(
            name=found.name,
            group=found.group,
            features=features,
            hop_s=found.hop_s,
            reference=found.reference,
            label=found.reference if found.label is None else found.label,
            tolerance_s=found.tolerance_s,
        )

    def key(self, found: SignalRecording) -> str:
        return f"{found.content_key} {self._features}"


def _summary(found: Found, channel_names: Sequence[str]) -> RecordingSummary:
    """Return the summary of a recording for the user."""
    n_events = {name: len(found.reference.channel_time_s(index)) for index, name in enumerate(channel_names)}
    return RecordingSummary(found.name, found.group, found.reference.duration_s, n_events)


def _fingerprint(split: SplitNames, recordings: Mapping[str, Recording], keys: Mapping[str, str]) -> str:
    """Return the SHA-256 of the feature keys, the annotations and the split, without paths and dates."""
    content = {
        "split": {"train": split.train, "validation": split.validation, "test": split.test},
        "recordings": {name: [keys[name], *_annotation(recording)] for name, recording in recordings.items()},
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _annotation(recording: Recording) -> list[Any]:
    """Return the annotation as plain values, with a separate label and a tolerance only if there is one."""
    plain: list[Any] = [recording.reference.time_s.tolist(), recording.reference.channel.tolist()]
    if recording.label is not recording.reference:
        plain += [recording.label.time_s.tolist(), recording.label.channel.tolist()]
    return plain if recording.tolerance_s is None else [*plain, recording.tolerance_s]
