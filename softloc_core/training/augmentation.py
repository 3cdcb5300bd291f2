"""Augmentation of training excerpts: playback rate, sums of two excerpts, and gain."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from softloc_core.errors import ConfigError
from softloc_core.tasks import FeatureSum, Task
from softloc_core.training.excerpts import Batch, TrainingSet

__all__ = ["Augmentation", "AugmentedSet", "feature_sum_for"]


@dataclass(frozen=True, kw_only=True)
class Augmentation:
    """Settings of the augmentation; the fields have the names and meanings of those of `TrialConfig`.

    Source: the SoftLoc and LoCo papers' released code. Drums: nine of ten versions of an excerpt have a rate
    from Uniform(0.875, 1.125). Piano: of seven versions of an excerpt, three are stretched at
    Uniform(0.75, 1), three are the sum of two excerpts of one piece, and one is unchanged.

    Deliberate differences: Each excerpt is varied again whenever it is drawn; there, seven or ten versions
    are made once. Features are interpolated between frames, so that neither pitch nor window length changes
    with the rate. The drum code rescales window, stride and bands together, which shifts the pitch; the piano
    code stretches time without shifting it. Excerpts keep their number of frames instead of the section of
    the recording that they cover. The second of two summed excerpts comes from any training recording, and
    the powers of the bands are added instead of the samples.

    Attributes:
        rate_variation: Half the width of the interval from which rates are drawn, >= 0.
        rate_centre: Middle of this interval, > `rate_variation`.
        rate_share: Share of the excerpts played at a random rate, in [0, 1]; the others are unchanged.
        stacking: Share of the excerpts that are the sum of two, in [0, 1]. Excerpts that keep their rate are
            chosen first.
        gain_db: Standard deviation of the random gain of an excerpt, in dB, >= 0.
        band_gain_db: Standard deviation of the random gain of each band of an excerpt, in dB, >= 0.
    """

    rate_variation: float
    rate_centre: float
    rate_share: float
    stacking: float
    gain_db: float
    band_gain_db: float

    @property
    def varies_rates(self) -> bool:
        """Whether any excerpt is played at another rate than 1."""
        return (self.rate_variation > 0 or self.rate_centre != 1) and self.rate_share > 0


def feature_sum_for(augmentation: Augmentation, *, task: Task, features: str) -> FeatureSum | None:
    """Return the function that adds the features of two excerpts, or None without stacking.

    Raises:
        ConfigError: The task's recordings cannot be played at another rate, or cannot be added.
    """
    if augmentation.varies_rates and not task.rates_vary:
        raise ConfigError(
            f"`rate_variation` must be 0 for {task.name}, whose frames are not equally spaced in time, "
            f"but got {augmentation.rate_variation:g} around {augmentation.rate_centre:g}"
        )
    if not augmentation.stacking:
        return None
    if features not in task.feature_sums:
        known = ", ".join(task.feature_sums) or "none of its front ends"
        raise ConfigError(
            f"`stacking` must be 0 for {task.name} on {features} features, because recordings can be added "
            f"only with {known}, but got {augmentation.stacking:g}"
        )
    return task.feature_sums[features]


class AugmentedSet:
    """A training set whose excerpts are augmented when they are drawn."""

    def __init__(
        self, training_set: TrainingSet, augmentation: Augmentation, *, feature_sum: FeatureSum | None
    ) -> None:
        """Wrap a training set.

        Args:
            training_set: Training set from which excerpts are drawn.
            augmentation: Settings of the augmentation.
            feature_sum: Function that adds the features of two excerpts, from `feature_sum_for`.
        """
        self.training_set = training_set
        self.augmentation = augmentation
        self.feature_sum = feature_sum

    def batch(self, size: int, *, generator: torch.Generator) -> Batch:
        """Return a batch of `size` random excerpts.

        Without random rates and stacking, the excerpts are those that the plain training set would draw.
        """
        if self.augmentation.varies_rates or self.augmentation.stacking:
            features, label, lengths = self._varied(size, generator=generator)
        else:
            features, label, lengths = self.training_set.batch(size, generator=generator)
        return self._with_gains(features, generator=generator), label, lengths

    def _varied(self, size: int, *, generator: torch.Generator) -> Batch:
        """Return excerpts at random rates, some of which are the sum of two."""
        setting = self.augmentation
        place = torch.rand(size, generator=generator)
        stacked = torch.nonzero(place >= 1 - setting.stacking)[:, 0]
        # Each stacked excerpt has a second one, appended after the first `size` excerpts.
        owner = torch.cat([torch.arange(size), stacked])
        pick = torch.randint(len(self.training_set.start), (len(owner),), generator=generator)
        if setting.varies_rates:
            spread = 2 * torch.rand(len(owner), generator=generator, dtype=torch.float64) - 1
            rate = setting.rate_centre + setting.rate_variation * spread
            rate = torch.where(place[owner] < setting.rate_share, rate, torch.ones_like(rate))
            sampled = self.training_set.excerpts_at(pick, rate.numpy())
        else:
            sampled = self.training_set.excerpts(pick)
        return sampled if not len(stacked) else self._stacked(sampled, stacked, size=size)

    def _stacked(self, sampled: Batch, stacked: Tensor, *, size: int) -> Batch:
        """Return the first `size` excerpts, adding the second excerpts to those that are stacked.

        Labels are added, and united where the training set's rule for collisions says so. The length of a sum
        is the shorter of the two lengths.
        """
        assert self.feature_sum is not None  # feature_sum_for returned it
        features, label, lengths = sampled
        stacked = stacked.to(features.device)
        sums = self.feature_sum(features[stacked], features[size:])
        features = features[:size].index_copy(0, stacked, sums)
        both = self.training_set.united(label[stacked] + label[size:])
        label = label[:size].index_copy(0, stacked, both)
        if lengths is None:
            return features, label, None
        shorter = torch.minimum(lengths[stacked], lengths[size:])
        lengths = lengths[:size].index_copy(0, stacked, shorter)
        counts = torch.arange(label.shape[2], device=label.device) < lengths[:, None, None]
        return features, label * counts, lengths

    def _with_gains(self, features: Tensor, *, generator: torch.Generator) -> Tensor:
        """Add the random gains of each excerpt and of each of its bands to the features, which are in dB."""
        setting = self.augmentation
        n_excerpts, _, n_bands = features.shape
        gain = torch.zeros(n_excerpts, 1, n_bands)
        if setting.gain_db:
            gain = gain + setting.gain_db * torch.randn(n_excerpts, 1, 1, generator=generator)
        if setting.band_gain_db:
            gain = gain + setting.band_gain_db * torch.randn(n_excerpts, 1, n_bands, generator=generator)
        return features + gain.to(features.device)
