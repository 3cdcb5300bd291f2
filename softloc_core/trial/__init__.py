"""One training run as a pure function: a `TrialConfig` in, a `TrialResult` out."""

from softloc_core.trial.run import (
    OPTION_FIELDS,
    TrialConfig,
    TrialResult,
    TrialRun,
    run_trial,
    setting_id,
    trial_augmentation,
    trial_detector,
    trial_id,
)
from softloc_core.trial.scoring import ScoredEvents, decoding_rule, score_predictions
from softloc_core.trial.training import SCORED_PARTS, labelled, validation_labels

__all__ = [
    "OPTION_FIELDS",
    "SCORED_PARTS",
    "ScoredEvents",
    "TrialConfig",
    "TrialResult",
    "TrialRun",
    "decoding_rule",
    "labelled",
    "run_trial",
    "score_predictions",
    "setting_id",
    "trial_augmentation",
    "trial_detector",
    "trial_id",
    "validation_labels",
]
