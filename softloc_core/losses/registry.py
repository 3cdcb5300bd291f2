"""Losses by name, with the options that a study may set and the kind of output that they train.

A package of your own adds a loss with one function and one entry:

    register_loss(LossEntry("hinge", "hinge loss of each frame", "frame", plain_loss("hinge", hinge_loss)))
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from types import MappingProxyType
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
from softloc_core.losses.inputs import at_least_float32, only_valid, valid_frames
from softloc_core.losses.poisson_binomial import count_loss
from softloc_core.losses.reductions import REDUCTIONS
from softloc_core.losses.schedules import Schedule
from softloc_core.losses.smoothing import BOUNDARIES
from softloc_core.losses.softloc import COMBINATIONS, SoftLocLoss, soft_localization_loss
from softloc_core.options import Option, OptionValue, resolved_options

__all__ = [
    "LOSSES",
    "LossEntry",
    "Prediction",
    "TermLoss",
    "get_loss",
    "make_loss",
    "plain_loss",
    "register_loss",
    "resolve_options",
    "unregister_loss",
]

Prediction = Literal["point", "frame", "smeared", "extended"]
"""Kinds of network output; see `LossEntry`."""


@dataclass(frozen=True)
class LossEntry:
    """A registered loss.

    Attributes:
        name: Name in study files.
        description: One line about the loss.
        prediction: Output of a trained network: `point` (an event is one frame near 1, or a few frames that
            sum to 1), `frame` (each frame is classified), `smeared` (an event is a bump with a peak) or
            `extended` (an event is the beginning of a plateau).
        build: Function that returns the loss as a module. It is called with the keyword arguments
            `softness_frames`, `alpha`, `measure`, `n_steps` and `options`; see `make_loss`.
        options: Options that a study may set, by name.
        uses_softness: Whether the softness has an effect.
        uses_alpha: Whether alpha has an effect.
        uses_measure: Whether the measure has an effect.
        version: Raise this number whenever the loss gives other results. It enters the identity of trials.
    """

    name: str
    description: str
    prediction: Prediction
    build: Callable[..., nn.Module]
    options: Mapping[str, Option] = field(default_factory=dict)
    uses_softness: bool = False
    uses_alpha: bool = False
    uses_measure: bool = False
    version: int = 1


class TermLoss(nn.Module):
    """A loss with a single term and the interface of `SoftLocLoss`: each call sets `terms`."""

    def __init__(self, term: str, loss: Callable[..., Tensor], *, alpha: float = 0.0) -> None:
        """Wrap `loss(event_logit, label, lengths=...)` and log its value under the name `term`.

        The loss also receives `mask` in calls that have one. The module can be pickled if the loss can.
        """
        super().__init__()
        self.term = term
        self.loss = loss
        self.alpha = alpha
        self.terms: dict[str, Tensor] = {}

    def forward(
        self,
        event_logit: Tensor,
        label: Tensor,
        *,
        step: int = 0,
        lengths: Tensor | None = None,
        mask: Tensor | None = None,
    ) -> Tensor:
        """Return the loss; `step` is part of the common interface and has no effect."""
        valid = valid_frames(event_logit, lengths=lengths, mask=mask)
        event_logit = only_valid(at_least_float32(event_logit), valid)
        masked = {} if mask is None else {"mask": mask}
        value = self.loss(event_logit, label, lengths=lengths, **masked)
        self.terms = {self.term: value.detach()}
        return value


def _reduction_option(default: str) -> Option:
    """Return the option for the reduction, without `none`, whose result is not a scalar."""
    names = tuple(name for name in REDUCTIONS if name != "none")
    return Option(default, "how frames, channels and batch are reduced to one number", choices=names)


_FRAME_MEAN = {"reduction": _reduction_option("frame_mean")}
_MEAN = {"reduction": _reduction_option("mean")}
_BALANCED = {"reduction": _reduction_option("balanced")}
_BOUNDARY = {"boundary": Option("zero", "rule for smoothed mass beyond the ends", choices=BOUNDARIES)}
_COMBINATION = {
    "combination": Option("convex", "(1 - alpha) SLL + alpha MC, or SLL + alpha MC", choices=COMBINATIONS)
}
_LEARN_SCALE = {"learn_scale": Option(False, "whether to learn the noise scale, starting from the softness")}
_EXCLUSIVE = {
    "exclusive": Option(
        False,
        "whether classes exclude each other: -log p of the labelled class, for softmax networks",
        added=True,
    )
}
_EVENT_WEIGHT = {"event_weight": Option(1.0, "weight of frames with an event", low=1e-3, high=1e3)}


def plain_loss(term: str, loss: Callable[..., Tensor], *, alpha: float = 0.0) -> Callable[..., nn.Module]:
    """Return the `build` of a loss that needs neither softness nor alpha nor measure.

    Args:
        term: Name under which the value is logged.
        loss: Called as `loss(event_logit, label, lengths=..., **options)`, and with `mask` as well if the
            module's call has one; returns a scalar.
        alpha: Weight of the count loss that the module reports, in [0, 1].
    """
    return partial(_plain, term, loss, alpha)


def _plain(
    term: str, loss: Callable[..., Tensor], reported_alpha: float, *, options: Mapping[str, Any], **_: Any
) -> nn.Module:
    return TermLoss(term, partial(loss, **options), alpha=reported_alpha)


def _extended(*, softness_frames: float, options: Mapping[str, Any], **_: Any) -> nn.Module:
    rest = dict(options)
    extension_frames = max(1, round(rest.pop("extension") * softness_frames))
    return TermLoss("cross_entropy", partial(_extended_loss, extension_frames=extension_frames, **rest))


def _extended_loss(
    event_logit: Tensor, label: Tensor, *, extension_frames: int, mask: Tensor | None = None, **rest: Any
) -> Tensor:
    """Extend the labels that count, and return the cross entropy."""
    within = only_valid(label, valid_frames(label, lengths=None, mask=mask))
    extended = extended_label(within, extension_frames=extension_frames)
    return cross_entropy_loss(event_logit, extended, mask=mask, **rest)


def _one_sided(*, softness_frames: float, options: Mapping[str, Any], **_: Any) -> nn.Module:
    loss = partial(one_sided_smoothing_loss, softness_frames=softness_frames, **options)
    return TermLoss("one_sided", partial(_of_prob, loss))


def _of_prob(loss: Callable[..., Tensor], event_logit: Tensor, label: Tensor, **rest: Any) -> Tensor:
    """Return a loss of the event probability."""
    return loss(torch.sigmoid(event_logit), label, **rest)


def _soft_localization(
    *, softness_frames: float, measure: str, options: Mapping[str, Any], **_: Any
) -> nn.Module:
    loss = partial(soft_localization_loss, softness_frames=softness_frames, measure=measure, **options)
    return TermLoss("soft_localization", partial(_of_prob, loss))


def _softloc(
    *, softness_frames: float, alpha: Schedule, measure: str, n_steps: int, options: Mapping[str, Any]
) -> nn.Module:
    return SoftLocLoss(
        softness_frames=softness_frames, alpha=alpha, measure=measure, n_steps=n_steps, **options
    )


def _marginal_alignment(*, softness_frames: float, options: Mapping[str, Any], **_: Any) -> nn.Module:
    return MarginalAlignmentLoss(noise_frames=softness_frames, **options)


def _beta(default: float) -> dict[str, Option]:
    return {"beta": Option(default, "weight of the label against the network's output", low=0.0, high=1.0)}


_EXTENSION = {
    "extension": Option(
        0.96,
        "length of an extended event as a multiple of the softness (at 100 ms, 96 ms)",
        low=0.0,
        high=100.0,
    )
}

_REGISTERED: dict[str, LossEntry] = {
    entry.name: entry
    for entry in (
        LossEntry(
            "cross_entropy",
            "binary cross entropy of each frame",
            "frame",
            plain_loss("cross_entropy", cross_entropy_loss),
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
            "point",
            _soft_localization,
            options=_BALANCED | _BOUNDARY,
            uses_softness=True,
            uses_measure=True,
        ),
        LossEntry(
            "count",
            "negative log probability of the count",
            "point",
            plain_loss("count", count_loss, alpha=1.0),
            options=_MEAN,
        ),
        LossEntry(
            "softloc",
            "soft localization loss and count loss, weighted by alpha",
            "point",
            _softloc,
            options=_BALANCED | _BOUNDARY | _COMBINATION,
            uses_softness=True,
            uses_alpha=True,
            uses_measure=True,
        ),
        LossEntry(
            "bootstrap_soft",
            "cross entropy against a mixture of label and prediction",
            "frame",
            plain_loss("bootstrap_soft", bootstrap_soft_loss),
            options=_FRAME_MEAN | _beta(0.95),
        ),
        LossEntry(
            "bootstrap_hard",
            "cross entropy against a mixture of label and decision",
            "frame",
            plain_loss("bootstrap_hard", bootstrap_hard_loss),
            options=_FRAME_MEAN | _beta(0.8),
        ),
        LossEntry(
            "extended",
            "cross entropy against events extended in time",
            "extended",
            _extended,
            options=_FRAME_MEAN | _EVENT_WEIGHT | _EXTENSION,
            uses_softness=True,
        ),
        LossEntry(
            "marginal_alignment",
            "labels are misplaced copies of the events, in order; the softness is the noise scale",
            "point",
            _marginal_alignment,
            options=_MEAN | _LEARN_SCALE,
            uses_softness=True,
        ),
    )
}


LOSSES: Mapping[str, LossEntry] = MappingProxyType(_REGISTERED)
"""Registered losses by name, a live read-only view; `register_loss` adds to it."""


def register_loss(entry: LossEntry) -> LossEntry:
    """Make a loss available to studies and `make_loss`, and return its entry.

    Raises:
        ConfigError: A loss with this name is already registered.
    """
    if entry.name in _REGISTERED:
        raise ConfigError(f"loss names must be unique, but {entry.name} is already registered")
    _REGISTERED[entry.name] = entry
    return entry


def unregister_loss(name: str) -> None:
    """Remove a registered loss, for instance at the end of a test.

    Raises:
        ConfigError: No loss with this name is registered.
    """
    del _REGISTERED[get_loss(name).name]


def get_loss(name: str) -> LossEntry:
    """Return the registered loss with this name.

    Raises:
        ConfigError: No loss with this name is registered.
    """
    if name not in LOSSES:
        raise ConfigError(f"`loss` must be one of {', '.join(LOSSES)}, but got {name}")
    return LOSSES[name]


def resolve_options(name: str, options: Mapping[str, Any]) -> dict[str, OptionValue]:
    """Return all options of a loss: the given ones, validated, and the defaults of the others.

    Raises:
        ConfigError: The loss or an option is unknown, or a value is not allowed.
    """
    return resolved_options(options, known=get_loss(name).options, key="loss_options", owner=name)


def make_loss(
    name: str,
    *,
    softness_frames: float,
    alpha: Schedule,
    measure: str,
    n_steps: int,
    options: Mapping[str, Any],
) -> nn.Module:
    """Return the loss with this name as a module.

    Its `forward(event_logit, label, *, step=0, lengths=None, mask=None)` returns a scalar. `mask` is True
    where a frame counts. After each call, `terms` holds the detached terms by name and `alpha` the weight of
    the count loss. The module can be copied and pickled.

    Args:
        name: One of `LOSSES`.
        softness_frames: Standard deviation of the smoothing in frames, >= 0.
        alpha: Schedule of the count loss's weight.
        measure: One of `MEASURES`.
        n_steps: Total number of training steps, >= 1.
        options: Options of this loss; missing ones take their defaults.

    Raises:
        ConfigError: A name is unknown, or a value is out of range.
    """
    resolved = resolve_options(name, options)
    return get_loss(name).build(
        softness_frames=softness_frames, alpha=alpha, measure=measure, n_steps=n_steps, options=resolved
    )
