"""Training augmentation: excerpts played faster or slower, two at once, louder or softer."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from softloc_core.errors import ConfigError
from softloc_core.tasks import FeatureSum, Task
from softloc_core.training.excerpts import Batch, TrainingSet

__all__ = ["Augmentation", "AugmentedSet", "judge_augmentation"]


@dataclass(frozen=True, kw_only=True)
class Augmentation:
    """How training excerpts are varied; the fields are those of `TrialConfig` of the same names.

    Source: the SoftLoc and LoCo papers' released code. Drums: nine of ten versions of an excerpt at a rate
    from Uniform(0.875, 1.125). Piano: of seven versions three stretched at Uniform(0.75, 1), three the sum of
    two excerpts of one piece, one as it is.

    Deliberate differences: every excerpt draws anew, where there seven or ten versions are made once; frames
    of the computed features are interpolated, where there the drum code rescales window, stride and bands
    together (so pitch goes with the rate; here it stays, as in the piano code's time stretch, and the length
    of the analysis window stays as well); excerpts keep their number of frames rather than their stretch of
    the recording; the second of two summed excerpts comes from any training recording; their powers are
    added band by band, where there the samples are.

    Attributes:
        rate_variation: Half the width of the interval that rates are drawn from, at least 0.
        rate_centre: Its middle, > `rate_variation`.
        rate_share: Share of the excerpts whose rate is drawn, in [0, 1]; the others are played as they are.
        stacking: Share of the excerpts that are the sum of two, in [0, 1]. They are taken from those that
            keep their rate as far as there are any.
        gain_db: Standard deviation of the random gain of an excerpt, in dB, at least 0.
        band_gain_db: Standard deviation of the random gain of each of its bands, in dB, at least 0.
    """

    rate_variation: float
    rate_centre: float
    rate_share: float
    stacking: float
    gain_db: float
    band_gain_db: float

    @property
    def varies_rates(self) -> bool:
        """Whether any excerpt is played at another rate than its own."""
        return (self.rate_variation > 0 or self.rate_centre != 1) and self.rate_share > 0


def judge_augmentation(augmentation: Augmentation, *, task: Task, features: str) -> FeatureSum | None:
    """What two excerpts at once are, None where the augmentation does not ask.

    Raises:
        ConfigError: The task's recordings cannot be played at another rate, or not be summed.
    """
    if augmentation.varies_rates and not task.rates_vary:
        raise ConfigError(
            f"`rate_variation` must be 0 for {task.name}, whose frames are not equal steps of time, "
            f"but got {augmentation.rate_variation:g} around {augmentation.rate_centre:g}"
        )
    if not augmentation.stacking:
        return None
    if features not in task.feature_sums:
        known = ", ".join(task.feature_sums) or "none of its front ends"
        raise ConfigError(
            f"`stacking` must be 0 for {task.name} on {features} features, for what two recordings at once "
            f"look like is known for {known}, but got {augmentation.stacking:g}"
        )
    return task.feature_sums[features]


class AugmentedSet:
    """A training set whose excerpts are varied as they are drawn."""

    def __init__(
        self, training_set: TrainingSet, augmentation: Augmentation, *, feature_sum: FeatureSum | None
    ) -> None:
        """Take a training set.

        Args:
            training_set: What excerpts are drawn from.
            augmentation: How they are varied.
            feature_sum: What two excerpts at once are, from `judge_augmentation`.
        """
        self.training_set = training_set
        self.augmentation = augmentation
        self.feature_sum = feature_sum

    def batch(self, size: int, *, generator: torch.Generator) -> Batch:
        """So many random excerpts; without rates and stacking the draws are those of the plain set."""
        if self.augmentation.varies_rates or self.augmentation.stacking:
            features, label, lengths = self._varied(size, generator=generator)
        else:
            features, label, lengths = self.training_set.batch(size, generator=generator)
        return self._with_gains(features, generator=generator), label, lengths

    def _varied(self, size: int, *, generator: torch.Generator) -> Batch:
        """Excerpts at their rates, some of them the sum of two."""
        setting = self.augmentation
        place = torch.rand(size, generator=generator)
        stacked = torch.nonzero(place >= 1 - setting.stacking)[:, 0]
        # A second excerpt for each that is stacked, behind the others.
        owner = torch.cat([torch.arange(size), stacked])
        pick = torch.randint(len(self.training_set.start), (len(owner),), generator=generator)
        if setting.varies_rates:
            spread = 2 * torch.rand(len(owner), generator=generator, dtype=torch.float64) - 1
            rate = setting.rate_centre + setting.rate_variation * spread
            rate = torch.where(place[owner] < setting.rate_share, rate, torch.ones_like(rate))
            drawn = self.training_set.excerpts_at(pick, rate.numpy())
        else:
            drawn = self.training_set.excerpts(pick)
        return drawn if not len(stacked) else self._stacked(drawn, stacked, size=size)

    def _stacked(self, drawn: Batch, stacked: Tensor, *, size: int) -> Batch:
        """The first excerpts, those that are stacked summed with their seconds; labels are united.

        Two events of a class in one frame are one, as everywhere in labels; of two lengths the shorter
        counts.
        """
        assert self.feature_sum is not None  # judge_augmentation gave it
        features, label, lengths = drawn
        stacked = stacked.to(features.device)
        sums = self.feature_sum(features[stacked], features[size:])
        features = features[:size].index_copy(0, stacked, sums)
        label = label[:size].index_copy(0, stacked, torch.maximum(label[stacked], label[size:]))
        if lengths is None:
            return features, label, None
        shorter = torch.minimum(lengths[stacked], lengths[size:])
        lengths = lengths[:size].index_copy(0, stacked, shorter)
        counts = torch.arange(label.shape[2], device=label.device) < lengths[:, None, None]
        return features, label * counts, lengths

    def _with_gains(self, features: Tensor, *, generator: torch.Generator) -> Tensor:
        """Random gain of each excerpt and of each of its bands; features are in dB, so gains are added."""
        setting = self.augmentation
        n_excerpts, _, n_bands = features.shape
        gain = torch.zeros(n_excerpts, 1, n_bands)
        if setting.gain_db:
            gain = gain + setting.gain_db * torch.randn(n_excerpts, 1, 1, generator=generator)
        if setting.band_gain_db:
            gain = gain + setting.band_gain_db * torch.randn(n_excerpts, 1, n_bands, generator=generator)
        return features + gain.to(features.device)
