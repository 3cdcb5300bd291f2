"""Display names of metrics and losses."""

from __future__ import annotations

__all__ = ["METRIC_LABELS", "loss_label", "metric_label"]


METRIC_LABELS = {"f1": "F1", "precision": "precision", "recall": "recall"}


def metric_label(metric: str, *, score: str = "F1") -> str:
    """Return the display name of a metric.

    Args:
        metric: Column of the trials.
        score: Name of the task's score, which the column `f1` holds: F1, PCE, ...
    """
    if metric == "f1":
        return score
    return METRIC_LABELS.get(metric, metric.replace("_", " "))


def loss_label(loss: str) -> str:
    """Return the display name of a loss."""
    return {"softloc": "SoftLoc"}.get(loss, loss.replace("_", " "))
