"""A comparison of losses as text with at most 80 columns."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import pandas as pd

from analysis.answers import Comparison
from analysis.labels import metric_label
from analysis.tables import text_table, with_interval, wrapped

__all__ = ["comparison_text"]


def comparison_text(found: Comparison) -> str:
    """Return the summary of each loss, its differences from the reference, and where it overtakes it."""
    by, label = found.study_map.by, metric_label(found.study_map.metric)
    noise_ms = found.curves[0].noise_ms
    ends, wholes = [], []
    for row in found.summary.to_dict("records"):
        softness = "-" if pd.isna(row["softness_ms"]) else f"{row['softness_ms']:.0f}"
        clean = with_interval(row["clean"], row["clean_low"], row["clean_high"])
        worst = with_interval(row["noisiest"], row["noisiest_low"], row["noisiest_high"])
        at = {f"{label} at {noise_ms[0]:g} ms": clean, f"{label} at {noise_ms[-1]:g} ms": worst}
        ends.append({by: row[by], "softness (ms)": softness, **at})
        limits = (row["radius_ms"], row["radius_ms_low"], row["radius_ms_high"])
        radius = with_interval(*limits, digits=0, beyond=f">{noise_ms[-1]:g}")
        area = with_interval(row["area"], row["area_low"], row["area_high"])
        wholes.append({by: row[by], "robustness radius (ms)": radius, f"mean {label}": area})
    blocks = [text_table(pd.DataFrame(ends)), text_table(pd.DataFrame(wholes)), *_differences(found, by=by)]
    if len(found.curves) == 1:
        blocks.append(wrapped(f"There is nothing to compare: the study has only {found.curves[0].name}."))
    sources = "training and test recordings" if found.has_recordings else "training only (no stored events)"
    blocks.append(wrapped(f"Intervals: {100 * found.level:g} %, including the randomness of {sources}."))
    return "\n\n".join([*blocks, *(wrapped(note) for note in found.study_map.notes)])


def _differences(found: Comparison, *, by: str) -> list[str]:
    """Return the differences from the reference, and where their sign changes."""
    if found.differences.empty:
        return []
    rows = [
        {
            f"{by} minus {row['reference']}": row[by],
            "noise (ms)": f"{row['noise_ms']:g}",
            "difference": with_interval(row["difference"], row["difference_low"], row["difference_high"]),
            "P(better)": f"{row['probability_better']:.3f}",
        }
        for row in found.differences.to_dict("records")
    ]
    lines = [
        _crossing(row, by=by) for row in found.crossings.to_dict("records") if row["share_of_draws"] > 0.05
    ]
    return [text_table(pd.DataFrame(rows)), *(["\n".join(lines)] if lines else [])]


def _crossing(row: Mapping[Hashable, Any], *, by: str) -> str:
    """Return one crossing as a sentence."""
    low, high = f"{row['noise_ms_low']:.0f}", f"{row['noise_ms_high']:.0f}"
    pair, share = f"{row[by]} and {row['reference']}", f"{100 * row['share_of_draws']:.0f} % of the samples"
    if pd.isna(row["noise_ms"]):
        return wrapped(f"{pair} may cross between {low} and {high} ms (in {share}).")
    return wrapped(f"{pair} cross at {row['noise_ms']:.0f} [{low}, {high}] ms (in {share}).")
