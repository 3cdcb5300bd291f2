"""A comparison within groups as text with at most 80 columns."""

from __future__ import annotations

from analysis.answers import GroupComparison
from analysis.labels import metric_label
from analysis.tables import text_table, with_interval, wrapped

__all__ = ["group_text"]


def group_text(found: GroupComparison) -> str:
    """Return the mean of every loss and group, and the paired differences from the reference."""
    label = metric_label(found.metric)
    means = found.summary[["mean", "lowest", "highest"]].to_numpy()
    shown = found.summary.rename(columns={"cell": "group"})
    shown = shown.assign(**{label: [with_interval(*row) for row in means]})
    blocks = [text_table(shown[["group", found.by, "trials", label]])]
    if len(found.differences):
        blocks.append(_differences(found))
    blocks.append(
        wrapped(
            "Means [lowest, highest]. Differences are paired by replicate and fold, with "
            f"{100 * found.level:g} % intervals (Student's t). Label noise does not vary."
        )
    )
    return "\n\n".join(blocks)


def _differences(found: GroupComparison) -> str:
    """Return the table of the differences from the reference."""
    head = f"{found.by} minus {found.differences['reference'].iloc[0]}"
    limits = found.differences[["difference", "low", "high"]].to_numpy()
    shown = found.differences.rename(columns={"cell": "group", found.by: head})
    shown = shown.assign(difference=[with_interval(*row) for row in limits])
    return text_table(shown[["group", head, "pairs", "difference"]])
