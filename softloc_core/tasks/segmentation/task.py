"""Action segmentation: each frame of a video belongs to one action."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from softloc_core.events import EventList
from softloc_core.losses import Constant
from softloc_core.metrics import Scores, score_segments
from softloc_core.networks import CompactTcn, EdTcn, NetworkBuilder
from softloc_core.tasks.base import STEADY_TRAINING, SignalTask, TaskData
from softloc_core.tasks.segmentation.folders import GTEA_NAMES, SALADS_NAMES, FoldersSource
from softloc_core.tasks.segmentation.rendered import RenderedSegmentationSource
from softloc_core.tasks.segmentation.svm_scores import EVAL_NAMES, MID_NAMES, SvmScoresSource

__all__ = ["SegmentationTask"]

# Classes without an action. Only frame accuracy includes them.
_NO_ACTION = frozenset({"background", "action_start", "action_end"})
_HOMEPAGE = "https://github.com/yabufarha/ms-tcn"
# Defaults that differ from `COMMON_DEFAULTS` for all networks.
_DEFAULTS: Mapping[str, Any] = {
    "features": "plain",
    "loss_options": (("exclusive", True),),
    # Softness and kind of noise of the SoftLoc paper (section 5.3).
    "softness_s": 7.0,
    "noise": "sequence_shift",
}
_NETWORK_DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    # Chosen by cross-validation within the training videos; see docs/tasks/segmentation.md.
    "compact": {
        "alpha": Constant(0.1),
        "iterations": 150,
        "batch_size": 8,
        "excerpt_s": 128.0,
        "learning_rate": 5e-3,
        "weight_averaging": 0.98,
    },
    # Source: released code of Lea et al. 2017: whole videos, 200 epochs with 40 videos in batches of 8 for
    # 50 Salads, and RMSProp with its default learning rate. Deliberate difference: AdamW without weight decay
    # replaces RMSProp. The papers do not state alpha.
    "paper": {
        **STEADY_TRAINING,
        "alpha": Constant(0.1),
        "iterations": 1_000,
        "batch_size": 8,
        "excerpt_s": 1e5,
        "learning_rate": 1e-3,
        "gradient_clip": float("inf"),
    },
}


class SegmentationTask(SignalTask):
    """The action segmentation task of the SoftLoc paper (section 5.3, appendix B).

    Labels are segments. A network predicts a softmax over the classes of each frame and returns it as the log
    odds of each class, so that the usual losses apply. Soft localization compares smoothed class
    probabilities. The count loss counts the frames of each class in an excerpt.
    """

    name = "segmentation"
    description = "the action in each frame of a video"
    channel_names: tuple[str, ...] = MID_NAMES
    tolerance_s = 5.0
    score_name = "F1@10"
    time_unit = "s"
    networks: Mapping[str, NetworkBuilder] = {"compact": CompactTcn, "paper": EdTcn}
    auto_decoding: Mapping[str, str] = dict.fromkeys(("point", "frame", "smeared", "extended"), "frame_class")
    shared_defaults = _DEFAULTS
    network_defaults = _NETWORK_DEFAULTS

    def __init__(self) -> None:
        super().__init__(
            (
                SvmScoresSource("salads50_svm", granularity="mid", channel_names=MID_NAMES),
                SvmScoresSource("salads50_svm_eval", granularity="eval", channel_names=EVAL_NAMES),
                FoldersSource(
                    "salads50",
                    title="50 Salads",
                    channel_names=SALADS_NAMES,
                    n_folds=5,
                    rate_hz=30.0,
                    block_frames=30,
                    homepage=_HOMEPAGE,
                    person=lambda video: video.rpartition("-")[0] or video,
                ),
                FoldersSource(
                    "gtea",
                    title="GTEA",
                    channel_names=GTEA_NAMES,
                    n_folds=4,
                    rate_hz=15.0,
                    block_frames=5,
                    homepage=_HOMEPAGE,
                    person=lambda video: video.partition("_")[0],
                ),
                RenderedSegmentationSource(),
            )
        )

    def score(self, data: TaskData, events: Mapping[str, EventList], *, tolerance_s: float) -> Scores:
        """Return F1@10 pooled over videos, with the papers' means over videos as measures."""
        return score_segments(
            ((recording.reference, events[recording.name]) for recording in data.test),
            channel_names=data.channel_names,
            tolerance_s=tolerance_s,
            ignored=[index for index, name in enumerate(data.channel_names) if name in _NO_ACTION],
        )
