"""The soft localization loss, and the SoftLoc loss that combines it with the count loss."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from softloc_core.errors import ConfigError
from softloc_core.losses.distances import Measure, get_measure
from softloc_core.losses.inputs import (
    at_least_float32,
    full_lengths,
    in_full_precision,
    only_valid,
    require_same_shape,
    valid_frames,
)
from softloc_core.losses.poisson_binomial import count_loss
from softloc_core.losses.reductions import reduce_frames
from softloc_core.losses.schedules import Constant, Schedule
from softloc_core.losses.smoothing import smooth

if TYPE_CHECKING:
    from jaxtyping import Float

__all__ = ["COMBINATIONS", "SoftLocLoss", "soft_localization_loss"]

COMBINATIONS = ("convex", "additive")
"""Ways to combine the soft localization loss and the count loss; see `SoftLocLoss`."""


@in_full_precision
def soft_localization_loss(
    event_prob: Float[Tensor, "*batch channel frame"],
    label: Float[Tensor, "*batch channel frame"],
    *,
    softness_frames: float | Tensor,
    measure: str | Measure = "squared",
    reduction: str = "balanced",
    boundary: str = "zero",
    lengths: Tensor | None = None,
    mask: Tensor | None = None,
) -> Tensor:
    """Return the distance between prediction and label after smoothing both with the same Gaussian.

    Args:
        event_prob: Probability of an event in each frame.
        label: Events in each frame.
        softness_frames: Standard deviation of the Gaussian in frames, >= 0. At 0 the frames are compared one
            by one; at infinity the loss is 0.
        measure: Name of a distance in `MEASURES`, or any function of the two smoothed processes.
        reduction: One of `softloc_core.losses.REDUCTIONS`.
        boundary: Rule for mass that leaves the sequence; see `smooth`.
        lengths: Number of valid frames, [batch] or one per sequence.
        mask: True where a frame counts; must broadcast to the shape of the label.

    Raises:
        ConfigError: The softness is negative, or the measure, reduction or boundary is unknown.
        DataError: Shapes, lengths or masks do not match.

    Source: SoftLoc paper, eq. 2. Deliberate difference: padding never counts. The released drum and piano
    code sums over padded frames, in which the network outputs a learned constant.
    """
    require_same_shape(event_prob, label)
    distance = get_measure(measure)
    valid = valid_frames(event_prob, lengths=lengths, mask=mask)
    processes = torch.stack([only_valid(event_prob, valid), only_valid(label, valid).to(event_prob.dtype)])
    prediction, target = smooth(processes, softness_frames=softness_frames, boundary=boundary, valid=valid)
    loss = only_valid(distance(prediction, target), valid).sum(dim=-1)
    n_frames = full_lengths(event_prob, lengths) if mask is None or valid is None else valid.sum(dim=-1)
    return reduce_frames(loss, n_frames=n_frames, reduction=reduction)


class SoftLocLoss(nn.Module):
    """(1 - alpha) x soft localization loss + alpha x count loss.

    After each call, `terms` holds the two detached losses and `alpha` the weight that combined them. At
    softness 0 with the measure `log`, prefer `cross_entropy_loss`, which is the same function without
    rounding errors near 0 and 1.

    Source: SoftLoc paper, eq. 4.
    """

    def __init__(
        self,
        *,
        softness_frames: float | Tensor,
        alpha: float | Schedule,
        measure: str | Measure = "squared",
        reduction: str = "balanced",
        boundary: str = "zero",
        combination: str = "convex",
        n_steps: int | None = None,
    ) -> None:
        """Configure the loss.

        Args:
            softness_frames: Standard deviation of the Gaussian in frames, >= 0; a tensor [channel] sets one
                per channel.
            alpha: Weight of the count loss, in [0, 1], or its schedule.
            measure: See `soft_localization_loss`.
            reduction: Normalisation of both terms.
            boundary: See `soft_localization_loss`.
            combination: `convex` for (1 - alpha) SLL + alpha MC, or `additive` for SLL + alpha MC, which the
                golf experiment uses.
            n_steps: Total number of training steps, >= 1; required unless alpha is constant.

        Raises:
            ConfigError: A value is out of range, or a schedule is given without `n_steps`.
        """
        super().__init__()
        if combination not in COMBINATIONS:
            raise ConfigError(
                f"`combination` must be one of {', '.join(COMBINATIONS)}, but got {combination}"
            )
        self.schedule: Schedule = Constant(alpha) if isinstance(alpha, int | float) else alpha
        if n_steps is None and not isinstance(self.schedule, Constant):
            raise ConfigError("`n_steps` must be given if alpha follows a schedule, but got None")
        if n_steps is not None and n_steps < 1:
            raise ConfigError(f"`n_steps` must be at least 1, but got {n_steps}")
        self.softness_frames = softness_frames
        self.measure = get_measure(measure)
        self.reduction = reduction
        self.boundary = boundary
        self.combination = combination
        self.n_steps = n_steps
        self.alpha = self.schedule(0.0)
        self.terms: dict[str, Tensor] = {}

    def forward(
        self,
        event_logit: Float[Tensor, "*batch channel frame"],
        label: Float[Tensor, "*batch channel frame"],
        *,
        step: int = 0,
        lengths: Tensor | None = None,
        mask: Tensor | None = None,
        softness_frames: float | Tensor | None = None,
    ) -> Tensor:
        """Return the loss at training step `step`, counted from 0.

        Args:
            event_logit: Log odds of an event in each frame.
            label: Events in each frame.
            step: Training step, which determines alpha; after the last step alpha keeps its final value.
            lengths: Number of valid frames, [batch] or one per sequence.
            mask: True where a frame counts; must broadcast to the shape of the label. The count loss compares
                the numbers of events within these frames.
            softness_frames: Softness for this call instead of the loss's own, such as [batch, 1] with one
                value per annotator: `softness_of_annotator[annotator].unsqueeze(-1)`.

        Raises:
            DataError: The inputs do not match; see `soft_localization_loss` and `count_loss`.
        """
        valid = valid_frames(event_logit, lengths=lengths, mask=mask)
        event_logit = only_valid(at_least_float32(event_logit), valid)
        self.alpha = self.schedule(min(step / self.n_steps, 1.0) if self.n_steps else 0.0)
        soft = soft_localization_loss(
            torch.sigmoid(event_logit),
            label,
            softness_frames=self.softness_frames if softness_frames is None else softness_frames,
            measure=self.measure,
            reduction=self.reduction,
            boundary=self.boundary,
            lengths=lengths,
            mask=mask,
        )
        count = count_loss(event_logit, label, lengths=lengths, mask=mask, reduction=self.reduction)
        self.terms = {"soft_localization": soft.detach(), "count": count.detach()}
        soft_weight = 1.0 if self.combination == "additive" else 1 - self.alpha
        return soft_weight * soft + self.alpha * count
