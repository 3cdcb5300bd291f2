"""What every task needs: the contract, data sources, splits, annotated folders and data checks."""

from softloc_core.tasks.base.annotation_lines import read_lines, validate_class, validate_event_time
from softloc_core.tasks.base.checks import SourceReport, check_source
from softloc_core.tasks.base.contract import (
    DataRequest,
    FeatureSum,
    Recording,
    SourceInfo,
    Task,
    TaskData,
    TaskRegistry,
)
from softloc_core.tasks.base.defaults import COMMON_DEFAULTS, STEADY_TRAINING
from softloc_core.tasks.base.folders import AnnotatedFolder, FolderSource
from softloc_core.tasks.base.rendered import (
    RenderedAudio,
    RenderedSource,
    generator_of,
    key_of,
    numbered_names,
    rendered_info,
)
from softloc_core.tasks.base.source_task import AudioTask, RecordingReader, SignalTask, SourceTask
from softloc_core.tasks.base.sources import (
    AudioRecording,
    FoundRecording,
    Scan,
    SignalRecording,
    Source,
    SplitNames,
    TimedClass,
    checked_split,
    collect,
    named_events,
    plain_features,
    read_all,
    scan_of,
    training_folds,
)

__all__ = [
    "COMMON_DEFAULTS",
    "STEADY_TRAINING",
    "AnnotatedFolder",
    "AudioRecording",
    "AudioTask",
    "DataRequest",
    "FeatureSum",
    "FolderSource",
    "FoundRecording",
    "Recording",
    "RecordingReader",
    "RenderedAudio",
    "RenderedSource",
    "Scan",
    "SignalRecording",
    "SignalTask",
    "Source",
    "SourceInfo",
    "SourceReport",
    "SourceTask",
    "SplitNames",
    "Task",
    "TaskData",
    "TaskRegistry",
    "TimedClass",
    "check_source",
    "checked_split",
    "collect",
    "generator_of",
    "key_of",
    "named_events",
    "numbered_names",
    "plain_features",
    "read_all",
    "read_lines",
    "rendered_info",
    "scan_of",
    "training_folds",
    "validate_class",
    "validate_event_time",
]
