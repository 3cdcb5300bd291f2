"""Decoders by name, which of them suits a loss, and the options that a study may set."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields, replace

from softloc_core.decoding.decoders import (
    AnyDecoder,
    FrameClass,
    LocalMass,
    OneEach,
    PeakPicking,
    RisingEdge,
    Threshold,
)
from softloc_core.errors import ConfigError
from softloc_core.options import Option, OptionValue

__all__ = [
    "AUTO_DECODING",
    "CALIBRATED",
    "DECODERS",
    "SPARSE_DECODING",
    "decoder_for",
    "decoding_options",
]

CALIBRATED = "calibrated"
"""The decoding whose parameters are chosen on each trial's validation recordings."""

# The default mass is lower than the papers' 0.5: after a short training with strong label noise the mass of
# an event is below one, and recall suffers long before precision does.
DECODERS: Mapping[str, AnyDecoder] = {
    "local_mass": LocalMass(mass=0.3, window_s=0.05),
    "local_mass_paper_drums": LocalMass(mass=0.5, window_s=0.045),
    "local_mass_paper_piano": LocalMass(mass=0.35, window_s=0.1),
    "local_mass_150ms": LocalMass(mass=0.3, window_s=0.15),
    "peak_picking": PeakPicking(relative_height=0.35, distance_s=0.05),
    "peak_picking_150ms": PeakPicking(relative_height=0.35, distance_s=0.15),
    "local_mass_steps": LocalMass(mass=0.5, window_s=3.0),
    "peak_picking_steps": PeakPicking(relative_height=0.3, distance_s=1.0),
    "one_each": OneEach(),
    "threshold": Threshold(threshold=0.5),
    "threshold_paper_puffs": Threshold(threshold=0.2),
    "rising_edge": RisingEdge(threshold=0.5),
    "frame_class": FrameClass(smoothing_s=0.0),
}
AUTO_DECODING: Mapping[str, str] = {
    "point": "local_mass",
    "frame": "local_mass",
    "smeared": "peak_picking",
    "extended": "rising_edge",
}
"""Decoder that `auto` selects for each kind of network output."""
SPARSE_DECODING: Mapping[str, str] = {
    "point": "local_mass_150ms",
    "frame": "local_mass_150ms",
    "smeared": "peak_picking_150ms",
    "extended": "rising_edge",
}
"""The same for events of a class that are at least 0.3 s apart, such as heartbeats and steps.

A network trained on misaligned labels may spread an event's mass over two waves of the signal 100 ms apart. A
short window would decode them as two events, one on either side of the true event.
"""

# Options that a study may set in addition to the decoders' attributes.
_OPTIONS: Mapping[str, Option] = {
    "offset_s": Option(0.0, "seconds added to every decoded time", low=-10.0, high=10.0),
    "calibrate_offset": Option(
        False, "whether to measure the remaining offset on the validation recordings and add it"
    ),
}


def decoder_for(
    name: str,
    *,
    prediction: str,
    softness_frames: float,
    auto: Mapping[str, str] = AUTO_DECODING,
    options: Mapping[str, OptionValue] | None = None,
) -> AnyDecoder:
    """Return the decoder with this name.

    Args:
        name: One of `DECODERS`, or `auto`.
        prediction: Kind of output that the loss trains: `point`, `frame`, `smeared` or `extended`.
        softness_frames: Standard deviation of the label smoothing in frames, >= 0; it determines the height
            of a single event's peak.
        auto: Decoder that `auto` selects, by kind of output.
        options: Attributes to replace. Attributes of other decoders are ignored, so that a study over losses
            can set those of several decoders.

    Raises:
        ConfigError: The name is unknown, an option belongs to no decoder, or a value is out of range.
    """
    if name != "auto" and name not in DECODERS:
        raise ConfigError(
            f"`decoding` must be one of {CALIBRATED}, auto, {', '.join(DECODERS)}, but got {name}"
        )
    decoder = DECODERS[auto[prediction] if name == "auto" else name]
    if isinstance(decoder, PeakPicking) and prediction == "smeared":
        height = min(1.0, 1 / (math.sqrt(2 * math.pi) * softness_frames)) if softness_frames > 0 else 1.0
        decoder = replace(decoder, peak_height=height)
    given = decoding_options(options or {})
    own = {field.name for field in fields(decoder)}
    return replace(decoder, **{key: value for key, value in given.items() if key in own})


def decoding_options(given: Mapping[str, OptionValue]) -> dict[str, OptionValue]:
    """Return the given options after validation.

    Raises:
        ConfigError: An option belongs to no decoder, or a value is out of range.
    """
    known = {
        **_OPTIONS,
        **{key: option for decoder in DECODERS.values() for key, option in decoder.options.items()},
    }
    for key in given:
        if key not in known:
            raise ConfigError(f"`decoding_options` must be among {', '.join(known)}, but got {key}")
    return {key: known[key].validate(f"decoding_options: {key}", value) for key, value in given.items()}
