"""One training run as a pure function: a `TrialConfig` in, a `TrialResult` out."""

from softloc_core.trial.run import (
    OPTION_FIELDS,
    TrialConfig,
    TrialResult,
    TrialRun,
    run_trial,
    trial_augmentation,
    trial_detector,
    trial_id,
)
from softloc_core.trial.training import SCORED_PARTS

__all__ = [
    "OPTION_FIELDS",
    "SCORED_PARTS",
    "TrialConfig",
    "TrialResult",
    "TrialRun",
    "run_trial",
    "trial_augmentation",
    "trial_detector",
    "trial_id",
]
