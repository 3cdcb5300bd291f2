"""Losses by name, with what a study may set and what their trained networks put out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from torch import Tensor, nn

from softloc_core.errors import ConfigError
from softloc_core.losses.alignment import MarginalAlignmentLoss
from softloc_core.losses.baselines import (
    bootstrap_hard_loss,
    bootstrap_soft_loss,
    cross_entropy_loss,
    extended_label,
    one_sided_smoothing_loss,
)
from softloc_core.losses.inputs import widened
from softloc_core.losses.poisson_binomial import count_loss
from softloc_core.losses.reductions import REDUCTIONS
from softloc_core.losses.schedules import Schedule
from softloc_core.losses.smoothing import BOUNDARIES
from softloc_core.losses.softloc import COMBINATIONS, SoftLocLoss, soft_localization_loss
from softloc_core.losses.validity import only_valid, valid_frames
from softloc_core.options import Option, OptionValue, resolved_options

__all__ = ["LOSSES", "LossEntry", "make_loss", "resolve_options"]

Prediction = Literal["point", "frame", "smeared"]


@dataclass(frozen=True)
class LossEntry:
    """A registered loss.

    Attributes:
        name: As written in a study file.
        description: One line.
        prediction: What the trained network puts out: `point` (an event is one frame near 1, or a few whose
            sum is), `frame` (a classifier of each frame) or `smeared` (an event is a bump whose peak is
            sought).
        build: From softness_frames, alpha, measure, n_steps and options to the module.
        options: What a study may set, by name.
        uses_softness: Whether the softness changes anything.
        uses_alpha: Whether alpha changes anything.
        uses_measure: Whether the measure changes anything.
    """

    name: str
    description: str
    prediction: Prediction
    build: Callable[..., nn.Module]
    options: Mapping[str, Option] = field(default_factory=dict)
    uses_softness: bool = False
    uses_alpha: bool = False
    uses_measure: bool = False


class TermLoss(nn.Module):
    """A loss of one term with the interface of `SoftLocLoss`: `terms` and `alpha` stand after each call."""

    def __init__(self, term: str, loss: Callable[..., Tensor], *, alpha: float = 0.0) -> None:
        """Wrap `loss(event_logit, label, lengths=...)`, whose value is logged as `term`."""
        super().__init__()
        self.term = term
        self.loss = loss
        self.alpha = alpha
        self.terms: dict[str, Tensor] = {}

    def forward(
        self, event_logit: Tensor, label: Tensor, *, step: int = 0, lengths: Tensor | None = None
    ) -> Tensor:
        """The loss; `step` is taken for the common interface and changes nothing."""
        event_logit = only_valid(widened(event_logit), valid_frames(event_logit, lengths=lengths))
        value = self.loss(event_logit, label, lengths=lengths)
        self.terms = {self.term: value.detach()}
        return value


def _reduction_option(default: str) -> Option:
    """Which normalisation; `none` gives no scalar and is left out."""
    names = tuple(name for name in REDUCTIONS if name != "none")
    return Option(default, "how frames, channels and batch become one number", choices=names)


_FRAME_MEAN = {"reduction": _reduction_option("frame_mean")}
_MEAN = {"reduction": _reduction_option("mean")}
_BALANCED = {"reduction": _reduction_option("balanced")}
_BOUNDARY = {"boundary": Option("zero", "what becomes of smoothed mass beyond the ends", choices=BOUNDARIES)}
_COMBINATION = {
    "combination": Option("convex", "(1 - alpha) SLL + alpha MC, or SLL + alpha MC", choices=COMBINATIONS)
}
_LEARN_SCALE = {"learn_scale": Option(False, "whether the noise scale is learned, from the softness on")}
_EXCLUSIVE = {
    "exclusive": Option(
        False, "whether the classes exclude each other: -log p of the labelled class, for softmax networks"
    )
}
_EVENT_WEIGHT = {"event_weight": Option(1.0, "weight of frames with an event", low=1e-3, high=1e3)}


def _cross_entropy(*, options: Mapping[str, Any], **_: Any) -> nn.Module:
    def loss(event_logit: Tensor, label: Tensor, *, lengths: Tensor | None) -> Tensor:
        return cross_entropy_loss(event_logit, label, lengths=lengths, **options)

    return TermLoss("cross_entropy", loss)


def _extended(*, softness_frames: float, options: Mapping[str, Any], **_: Any) -> nn.Module:
    rest = dict(options)
    extension_frames = max(1, round(rest.pop("extension") * softness_frames))

    def loss(event_logit: Tensor, label: Tensor, *, lengths: Tensor | None) -> Tensor:
        extended = extended_label(label, extension_frames=extension_frames)
        return cross_entropy_loss(event_logit, extended, lengths=lengths, **rest)

    return TermLoss("cross_entropy", loss)


def _one_sided(*, softness_frames: float, options: Mapping[str, Any], **_: Any) -> nn.Module:
    def loss(event_logit: Tensor, label: Tensor, *, lengths: Tensor | None) -> Tensor:
        prob = torch.sigmoid(event_logit)
        return one_sided_smoothing_loss(
            prob, label, softness_frames=softness_frames, lengths=lengths, **options
        )

    return TermLoss("one_sided", loss)


def _bootstrap_soft(*, options: Mapping[str, Any], **_: Any) -> nn.Module:
    def loss(event_logit: Tensor, label: Tensor, *, lengths: Tensor | None) -> Tensor:
        return bootstrap_soft_loss(event_logit, label, lengths=lengths, **options)

    return TermLoss("bootstrap_soft", loss)


def _bootstrap_hard(*, options: Mapping[str, Any], **_: Any) -> nn.Module:
    def loss(event_logit: Tensor, label: Tensor, *, lengths: Tensor | None) -> Tensor:
        return bootstrap_hard_loss(event_logit, label, lengths=lengths, **options)

    return TermLoss("bootstrap_hard", loss)


def _count(*, options: Mapping[str, Any], **_: Any) -> nn.Module:
    def loss(event_logit: Tensor, label: Tensor, *, lengths: Tensor | None) -> Tensor:
        return count_loss(event_logit, label, lengths=lengths, **options)

    return TermLoss("count", loss, alpha=1.0)


def _soft_localization(
    *, softness_frames: float, measure: str, options: Mapping[str, Any], **_: Any
) -> nn.Module:
    def loss(event_logit: Tensor, label: Tensor, *, lengths: Tensor | None) -> Tensor:
        return soft_localization_loss(
            torch.sigmoid(event_logit),
            label,
            softness_frames=softness_frames,
            measure=measure,
            lengths=lengths,
            **options,
        )

    return TermLoss("soft_localization", loss)


def _softloc(
    *, softness_frames: float, alpha: Schedule, measure: str, n_steps: int, options: Mapping[str, Any]
) -> nn.Module:
    return SoftLocLoss(
        softness_frames=softness_frames, alpha=alpha, measure=measure, n_steps=n_steps, **options
    )


def _marginal_alignment(*, softness_frames: float, options: Mapping[str, Any], **_: Any) -> nn.Module:
    return MarginalAlignmentLoss(noise_frames=softness_frames, **options)


def _beta(default: float) -> dict[str, Option]:
    return {"beta": Option(default, "weight of the label against the own prediction", low=0.0, high=1.0)}


_EXTENSION = {
    "extension": Option(
        0.96,
        "length of an extended event as a multiple of the softness (100 ms give 96 ms)",
        low=0.0,
        high=100.0,
    )
}

LOSSES: Mapping[str, LossEntry] = {
    entry.name: entry
    for entry in (
        LossEntry(
            "cross_entropy",
            "binary cross entropy of each frame",
            "frame",
            _cross_entropy,
            options=_FRAME_MEAN | _EVENT_WEIGHT | _EXCLUSIVE,
        ),
        LossEntry(
            "one_sided",
            "squared error against the smoothed label",
            "smeared",
            _one_sided,
            options=_BALANCED,
            uses_softness=True,
        ),
        LossEntry(
            "soft_localization",
            "distance between smoothed prediction and smoothed label",
            "smeared",
            _soft_localization,
            options=_BALANCED | _BOUNDARY,
            uses_softness=True,
            uses_measure=True,
        ),
        LossEntry("count", "negative log probability of the count", "point", _count, options=_MEAN),
        LossEntry(
            "softloc",
            "soft localization and count loss, joined by alpha",
            "point",
            _softloc,
            options=_BALANCED | _BOUNDARY | _COMBINATION,
            uses_softness=True,
            uses_alpha=True,
            uses_measure=True,
        ),
        LossEntry(
            "bootstrap_soft",
            "cross entropy against label and own prediction, mixed",
            "frame",
            _bootstrap_soft,
            options=_FRAME_MEAN | _beta(0.95),
        ),
        LossEntry(
            "bootstrap_hard",
            "cross entropy against label and own decision, mixed",
            "frame",
            _bootstrap_hard,
            options=_FRAME_MEAN | _beta(0.8),
        ),
        LossEntry(
            "extended",
            "cross entropy against events that were extended in time",
            "smeared",
            _extended,
            options=_FRAME_MEAN | _EVENT_WEIGHT | _EXTENSION,
            uses_softness=True,
        ),
        LossEntry(
            "marginal_alignment",
            "labels as misplaced copies of the events, in order; the softness is the noise scale",
            "point",
            _marginal_alignment,
            options=_MEAN | _LEARN_SCALE,
            uses_softness=True,
        ),
    )
}


def resolve_options(name: str, options: Mapping[str, Any]) -> dict[str, OptionValue]:
    """All options of a loss, the given ones checked and the others at their defaults.

    Raises:
        ConfigError: An unknown loss, an unknown option, or a value that is not allowed.
    """
    if name not in LOSSES:
        raise ConfigError(f"`loss` must be one of {', '.join(LOSSES)}, but got {name}")
    return resolved_options(options, known=LOSSES[name].options, key="loss_options", owner=name)


def make_loss(
    name: str,
    *,
    softness_frames: float,
    alpha: Schedule,
    measure: str,
    n_steps: int,
    options: Mapping[str, Any],
) -> nn.Module:
    """The loss of that name as a module.

    Its `forward(event_logit, label, *, step=0, lengths=None)` gives a scalar; afterwards `terms` holds its
    named terms, detached, and `alpha` the weight of the count loss.

    Args:
        name: One of `LOSSES`.
        softness_frames: Standard deviation of the smoothing in frames, >= 0.
        alpha: Schedule of the count loss's weight.
        measure: One of `MEASURES`.
        n_steps: Training steps in all, >= 1.
        options: The loss's own parameters; the rest at their defaults.

    Raises:
        ConfigError: An unknown name, or a value out of range.
    """
    resolved = resolve_options(name, options)
    return LOSSES[name].build(
        softness_frames=softness_frames, alpha=alpha, measure=measure, n_steps=n_steps, options=resolved
    )
