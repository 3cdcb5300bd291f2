"""What an analysis must know about the stored columns and losses.

Each Parquet part of `trials` describes its columns (unit, role) and the registered losses in its metadata.
Parts that were written before it did are read with the table below. Columns and losses that are missing from
the table need no entry: their description is read from the parts.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import pyarrow as pa

__all__ = ["LABEL_NOISE", "SCHEMA_VERSION", "SOFTNESS", "StoredColumn", "StoredSchema", "read_schema"]

SCHEMA_VERSION = 3
"""The newest schema version that this package reads."""
SOFTNESS, LABEL_NOISE = "softness_s", "label_noise_s"


@dataclass(frozen=True)
class StoredColumn:
    """How an analysis may use a column.

    Attributes:
        role: `category` for a name to group by, `number` for a possible axis, `options` for JSON whose
            numbers are possible axes, and other roles that no axis or group is made of.
        unit: Unit of the values; empty if there is none.
    """

    role: str
    unit: str = ""


_CATEGORIES = ("task", "data", "network", "features", "loss", "measure", "noise", "decoding")
_NUMBERS = {
    SOFTNESS: "s",
    LABEL_NOISE: "s",
    "learning_rate": "",
    "weight_decay": "",
    "gradient_clip": "",
    "gain_db": "dB",
    "band_gain_db": "dB",
    "rate_variation": "",
    "rate_centre": "",
    "rate_share": "",
    "stacking": "",
    "initial_empty_prob": "",
    "iterations": "",
    "batch_size": "",
    "excerpt_s": "s",
}
_OPTIONS = ("alpha", "loss_options", "noise_options", "decoding_options", "ensemble_options")
# The order matters: panels, axes and notes list parameters in it.
_KNOWN_COLUMNS: Mapping[str, StoredColumn] = {
    **{name: StoredColumn("category") for name in _CATEGORIES},
    **{name: StoredColumn("number", unit) for name, unit in _NUMBERS.items()},
    **{name: StoredColumn("options") for name in _OPTIONS},
}
_KNOWN_LOSSES: Mapping[str, bool] = {
    "cross_entropy": False,
    "count": False,
    "bootstrap_soft": False,
    "bootstrap_hard": False,
}


@dataclass(frozen=True)
class StoredSchema:
    """The columns and losses of a stored study.

    Attributes:
        columns: Columns by name, in the order in which their parameters are listed.
        losses: Whether a loss uses the softness, by name. A loss without an entry does.
    """

    columns: Mapping[str, StoredColumn] = field(default_factory=lambda: _KNOWN_COLUMNS)
    losses: Mapping[str, bool] = field(default_factory=lambda: _KNOWN_LOSSES)

    def named(self, role: str) -> tuple[str, ...]:
        """Return the names of the columns with this role."""
        return tuple(name for name, column in self.columns.items() if column.role == role)

    @property
    def categories(self) -> tuple[str, ...]:
        """The columns whose values are names to group by."""
        return self.named("category")

    def is_duration(self, column: str) -> bool:
        """Return whether a column holds seconds. Options inside JSON say so by their names."""
        known = self.columns.get(column)
        return known.unit == "s" if known is not None else column.endswith("_s")

    def uses_softness(self, loss: str) -> bool:
        """Return whether the softness has any effect on this loss."""
        return self.losses.get(loss, True)


def read_schema(parts: Iterable[pa.Schema]) -> StoredSchema:
    """Return what the parts of `trials` say about their columns and losses, completed from the table."""
    columns, losses = dict(_KNOWN_COLUMNS), dict(_KNOWN_LOSSES)
    for part in parts:
        for item in part:
            metadata = item.metadata or {}
            if b"role" in metadata:
                unit = metadata.get(b"unit", b"").decode()
                columns[item.name] = StoredColumn(metadata[b"role"].decode(), unit)
        stated = (part.metadata or {}).get(b"softloc_losses_use_softness")
        losses |= json.loads(stated) if stated else {}
    return StoredSchema(columns, losses)
