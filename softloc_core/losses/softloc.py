"""The soft localization loss, and the SoftLoc loss that joins it with the count loss."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from softloc_core.errors import ConfigError
from softloc_core.losses.distances import Measure, measure_named
from softloc_core.losses.inputs import in_full_precision, widened
from softloc_core.losses.poisson_binomial import count_loss
from softloc_core.losses.reductions import reduce_frames
from softloc_core.losses.schedules import Constant, Schedule
from softloc_core.losses.smoothing import smooth
from softloc_core.losses.validity import full_lengths, only_valid, require_same_shape, valid_frames

if TYPE_CHECKING:
    from jaxtyping import Float

__all__ = ["COMBINATIONS", "SoftLocLoss", "soft_localization_loss"]

COMBINATIONS = ("convex", "additive")


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
    """Distance between prediction and label after both were smoothed by the same Gaussian.

    Args:
        event_prob: Probability of an event in each frame.
        label: Events in each frame.
        softness_frames: Standard deviation of the Gaussian in frames, >= 0; 0 compares frame by frame,
            infinity gives no loss at all.
        measure: Name of a distance in `MEASURES`, or any function of the two smoothed processes.
        reduction: How the frames become one number, see `softloc_core.losses.reductions`.
        boundary: What becomes of mass that leaves the sequence, see `smooth`.
        lengths: Valid frames, [batch] or one a sequence.
        mask: True where a frame counts; broadcast against the label.

    Raises:
        ConfigError: A negative softness, or an unknown measure, reduction or boundary.
        DataError: Shapes, lengths or masks that do not fit.

    Source: SoftLoc paper, eq. 2. Deliberate difference: padding never counts; the released drum and piano
        code sums over padded frames, in which the network puts out a learned constant.
    """
    require_same_shape(event_prob, label)
    distance = measure_named(measure)
    valid = valid_frames(event_prob, lengths=lengths, mask=mask)
    processes = torch.stack([only_valid(event_prob, valid), only_valid(label, valid).to(event_prob.dtype)])
    prediction, target = smooth(processes, softness_frames=softness_frames, boundary=boundary, valid=valid)
    loss = only_valid(distance(prediction, target), valid).sum(dim=-1)
    n_frames = full_lengths(event_prob, lengths) if mask is None or valid is None else valid.sum(dim=-1)
    return reduce_frames(loss, n_frames=n_frames, reduction=reduction)


class SoftLocLoss(nn.Module):
    """(1 - alpha) x soft localization loss + alpha x count loss.

    After a call `terms` holds the two losses, detached, and `alpha` the weight they were joined with. At
    softness 0 with the measure `log`, prefer `cross_entropy_loss`: the same function, without rounding next
    to 0 and 1.

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
        """Set the loss up.

        Args:
            softness_frames: Standard deviation of the Gaussian in frames, >= 0; a tensor [channel] gives each
                channel its own.
            alpha: Weight of the count loss, in [0, 1], or its schedule.
            measure: See `soft_localization_loss`.
            reduction: Normalisation of both terms.
            boundary: See `soft_localization_loss`.
            combination: `convex`, (1 - alpha) SLL + alpha MC; or `additive`, SLL + alpha MC, as for golf.
            n_steps: Training steps in all; a schedule that is not constant needs it.

        Raises:
            ConfigError: A value out of range, or a schedule without `n_steps`.
        """
        super().__init__()
        if combination not in COMBINATIONS:
            raise ConfigError(
                f"`combination` must be one of {', '.join(COMBINATIONS)}, but got {combination}"
            )
        self.schedule: Schedule = Constant(alpha) if isinstance(alpha, int | float) else alpha
        if n_steps is None and not isinstance(self.schedule, Constant):
            raise ConfigError("`n_steps` must be given where alpha follows a schedule, but got None")
        if n_steps is not None and n_steps < 1:
            raise ConfigError(f"`n_steps` must be at least 1, but got {n_steps}")
        self.softness_frames = softness_frames
        self.measure = measure_named(measure)
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
        """The loss at training step `step`, counted from 0.

        Args:
            event_logit: Log odds of an event in each frame.
            label: Events in each frame.
            step: Decides alpha; steps beyond the last keep its last value.
            lengths: Valid frames, [batch] or one a sequence.
            mask: True where a frame counts for the soft localization; the count takes all valid frames.
            softness_frames: Instead of the loss's own softness, say [batch, 1] for one an annotator:
                `softness_of_annotator[annotator].unsqueeze(-1)`.

        Raises:
            DataError: Inputs that do not fit, see `soft_localization_loss` and `count_loss`.
        """
        event_logit = only_valid(widened(event_logit), valid_frames(event_logit, lengths=lengths))
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
        count = count_loss(event_logit, label, lengths=lengths, reduction=self.reduction)
        self.terms = {"soft_localization": soft.detach(), "count": count.detach()}
        soft_weight = 1.0 if self.combination == "additive" else 1 - self.alpha
        return soft_weight * soft + self.alpha * count
