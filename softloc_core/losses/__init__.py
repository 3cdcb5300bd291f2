"""Losses for training any event detector on imperfect labels; they need only torch and numba."""

from softloc_core.losses.alignment import MarginalAlignmentLoss, alignment_log_prob, label_frames
from softloc_core.losses.baselines import (
    bootstrap_hard_loss,
    bootstrap_soft_loss,
    cross_entropy_loss,
    extended_label,
    one_sided_smoothing_loss,
)
from softloc_core.losses.continuous import continuous_soft_localization_loss
from softloc_core.losses.distances import MEASURES, Measure
from softloc_core.losses.poisson_binomial import (
    count_loss,
    count_pmf,
    initial_bias,
    label_count,
    poisson_binomial_log_prob,
)
from softloc_core.losses.reductions import REDUCTIONS
from softloc_core.losses.registry import (
    LOSSES,
    LossEntry,
    TermLoss,
    get_loss,
    make_loss,
    plain_loss,
    register_loss,
    resolve_options,
    unregister_loss,
)
from softloc_core.losses.schedules import (
    PAPER_SCHEDULES,
    SCHEDULES,
    Constant,
    Cosine,
    Linear,
    Ramp,
    Schedule,
    Step,
    schedule_from_spec,
)
from softloc_core.losses.smoothing import smooth
from softloc_core.losses.softloc import SoftLocLoss, soft_localization_loss

__all__ = [
    "LOSSES",
    "MEASURES",
    "PAPER_SCHEDULES",
    "REDUCTIONS",
    "SCHEDULES",
    "Constant",
    "Cosine",
    "Linear",
    "LossEntry",
    "MarginalAlignmentLoss",
    "Measure",
    "Ramp",
    "Schedule",
    "SoftLocLoss",
    "Step",
    "TermLoss",
    "alignment_log_prob",
    "bootstrap_hard_loss",
    "bootstrap_soft_loss",
    "continuous_soft_localization_loss",
    "count_loss",
    "count_pmf",
    "cross_entropy_loss",
    "extended_label",
    "get_loss",
    "initial_bias",
    "label_count",
    "label_frames",
    "make_loss",
    "one_sided_smoothing_loss",
    "plain_loss",
    "poisson_binomial_log_prob",
    "register_loss",
    "resolve_options",
    "schedule_from_spec",
    "smooth",
    "soft_localization_loss",
    "unregister_loss",
]
