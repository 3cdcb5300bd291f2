"""A comparison within groups as text with at most 80 columns."""

from __future__ import annotations

from analysis.answers import GroupComparison
from analysis.tables import text_table, with_interval, wrapped

__all__ = ["group_text"]


def group_text(found: GroupComparison) -> str:
    """Return the mean of every loss and group, and the paired differences from the reference."""
    label = found.metric_label
    means = found.summary[["mean", "lowest", "highest"]].to_numpy()
    shown = found.summary.rename(columns={"cell": "group"})
    shown = shown.assign(**{label: [with_interval(*row) for row in means]})
    blocks = [text_table(shown[["group", found.by, "trials", label]])]
    if len(found.differences):
        blocks.append(_differences(found))
    blocks.append(wrapped(f"Means [lowest, highest]. {_units(found)}Label noise does not vary."))
    return "\n\n".join(blocks)


def _differences(found: GroupComparison) -> str:
    """Return the table of the differences from the reference."""
    head = f"{found.by} minus {found.differences['reference'].iloc[0]}"
    limits = found.differences[["difference", "low", "high"]].to_numpy()
    shown = found.differences.rename(columns={"cell": "group", found.by: head})
    shown = shown.assign(difference=[with_interval(*row) for row in limits])
    return text_table(shown[["group", head, "unit", "pairs", "difference"]])


def _units(found: GroupComparison) -> str:
    """Return what the intervals are over, and what they leave out; empty without differences."""
    units = set(found.differences["unit"])
    if not units:
        return ""
    sentences = [f"Differences are paired, with {100 * found.level:g} % intervals (Student's t)."]
    if "folds" in units:
        sentences.append(
            "Folds have different test recordings: each counts once, as the mean of its draws of labels and "
            "weights."
        )
    if "draws" in units:
        sentences.append(
            "Draws of labels and weights share one test set: the choice of recordings is left out."
        )
    return " ".join(sentences) + " "
