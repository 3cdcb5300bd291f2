"""Decoders: from event probabilities to events, and the grids on which decoders are calibrated."""

from softloc_core.decoding.decoders import (
    AnyDecoder,
    Decoder,
    FrameClass,
    LocalMass,
    OneEach,
    PeakPicking,
    RisingEdge,
    Threshold,
    decode,
)
from softloc_core.decoding.grids import calibration_grid, decode_with_each
from softloc_core.decoding.presets import (
    AUTO_DECODING,
    CALIBRATED,
    DECODERS,
    SPARSE_DECODING,
    decoder_for,
    decoding_options,
)

__all__ = [
    "AUTO_DECODING",
    "CALIBRATED",
    "DECODERS",
    "SPARSE_DECODING",
    "AnyDecoder",
    "Decoder",
    "FrameClass",
    "LocalMass",
    "OneEach",
    "PeakPicking",
    "RisingEdge",
    "Threshold",
    "calibration_grid",
    "decode",
    "decode_with_each",
    "decoder_for",
    "decoding_options",
]
