"""A comparison of losses as text with at most 80 columns."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import pandas as pd

from analysis.answers import Comparison
from analysis.reading import Axis
from analysis.tables import text_table, with_interval, wrapped
from analysis.text.units import intervals_text, radius_text, unit_digits

__all__ = ["comparison_text"]


def comparison_text(found: Comparison) -> str:
    """Return the summary of each loss, its differences from the reference, and where it overtakes it."""
    by, label, axis = found.study_map.by, found.study_map.metric_label, found.axis
    unit, noise = axis.unit, found.curves[0].noise
    ends, wholes = [], []
    for row in found.summary.to_dict("records"):
        softness = "-" if pd.isna(row["softness_ms"]) else _shown(axis, row["softness_ms"])
        clean = with_interval(row["clean"], row["clean_low"], row["clean_high"])
        worst = with_interval(row["noisiest"], row["noisiest_low"], row["noisiest_high"])
        at = {f"{label} at {noise[0]:g} {unit}": clean, f"{label} at {noise[-1]:g} {unit}": worst}
        ends.append({by: row[by], f"softness ({unit})": softness, **at})
        radius = radius_text(row, axis, beyond=noise[-1])
        area = with_interval(row["area"], row["area_low"], row["area_high"])
        wholes.append({by: row[by], f"robustness radius ({unit})": radius, f"mean {label}": area})
    blocks = [text_table(pd.DataFrame(ends)), text_table(pd.DataFrame(wholes)), *_differences(found, by=by)]
    if len(found.curves) == 1:
        blocks.append(wrapped(f"There is nothing to compare: the study has only {found.curves[0].name}."))
    blocks.append("\n".join(map(wrapped, intervals_text(found.sources, level=found.level))))
    return "\n\n".join([*blocks, *(wrapped(note) for note in found.study_map.notes)])


def _differences(found: Comparison, *, by: str) -> list[str]:
    """Return the differences from the reference, and where their sign changes."""
    if found.differences.empty:
        return []
    rows = [
        {
            f"{by} minus {row['reference']}": row[by],
            f"noise ({found.axis.unit})": f"{found.axis.of_ms(row['noise_ms']):g}",
            "difference": with_interval(row["difference"], row["difference_low"], row["difference_high"]),
            "P(better)": f"{row['probability_better']:.3f}",
        }
        for row in found.differences.to_dict("records")
    ]
    lines = [
        _crossing(row, found.axis, by=by)
        for row in found.crossings.to_dict("records")
        if row["share_of_draws"] > 0.05
    ]
    return [text_table(pd.DataFrame(rows)), *(["\n".join(lines)] if lines else [])]


def _crossing(row: Mapping[Hashable, Any], axis: Axis, *, by: str) -> str:
    """Return one crossing as a sentence."""
    low, high = _shown(axis, row["noise_ms_low"]), _shown(axis, row["noise_ms_high"])
    pair, share = f"{row[by]} and {row['reference']}", f"{100 * row['share_of_draws']:.0f} % of the samples"
    if pd.isna(row["noise_ms"]):
        return wrapped(f"{pair} may cross between {low} and {high} {axis.unit} (in {share}).")
    return wrapped(
        f"{pair} cross at {_shown(axis, row['noise_ms'])} [{low}, {high}] {axis.unit} (in {share})."
    )


def _shown(axis: Axis, ms: float) -> str:
    """Return a duration in ms as a number in the display unit."""
    return f"{axis.of_ms(ms):.{unit_digits(axis)}f}"
