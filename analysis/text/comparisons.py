"""A comparison of losses as text of at most 80 columns."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import pandas as pd

from analysis.answers import Comparison
from analysis.labels import METRIC_LABELS
from analysis.tables import text_table, with_interval, wrapped

__all__ = ["comparison_text"]


def comparison_text(found: Comparison) -> str:
    """What each loss comes to, how it differs from the reference, and where it overtakes."""
    by, label = found.study_map.by, METRIC_LABELS.get(found.study_map.metric, found.study_map.metric)
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
        alone = f"Nothing to compare: the study holds {found.curves[0].name} alone."
        blocks.append(wrapped(alone))
    source = "training and test recordings" if found.has_recordings else "training alone (no events stored)"
    blocks.append(f"Intervals: {100 * found.level:g} %, from the chance of {source}.")
    return "\n\n".join([*blocks, *(wrapped(note) for note in found.study_map.notes)])


def _differences(found: Comparison, *, by: str) -> list[str]:
    """Differences from the reference, and where the sign changes."""
    if found.differences.empty:
        return []
    rows = [
        {
            f"{by} less {row['reference']}": row[by],
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
    """One crossing in words."""
    low, high = f"{row['noise_ms_low']:.0f}", f"{row['noise_ms_high']:.0f}"
    pair, share = f"{row[by]} and {row['reference']}", f"{100 * row['share_of_draws']:.0f} % of the draws"
    if pd.isna(row["noise_ms"]):
        return wrapped(f"{pair} may change places, between {low} and {high} ms (in {share}).")
    return wrapped(f"{pair} change places at {row['noise_ms']:.0f} [{low}, {high}] ms (in {share}).")
