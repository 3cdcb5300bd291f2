"""Training of one network: excerpts, augmentation, settings of the optimisation, and the loop."""

from softloc_core.training.augmentation import Augmentation, AugmentedSet, feature_sum_for
from softloc_core.training.excerpts import TrainingSet
from softloc_core.training.loop import TrainingRun, fit
from softloc_core.training.optimisation import HistoryPoint, Optimisation

__all__ = [
    "Augmentation",
    "AugmentedSet",
    "HistoryPoint",
    "Optimisation",
    "TrainingRun",
    "TrainingSet",
    "feature_sum_for",
    "fit",
]
