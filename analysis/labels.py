"""Names of metrics and losses for people."""

from __future__ import annotations

__all__ = ["METRIC_LABELS", "loss_label"]


METRIC_LABELS = {"f1": "F1", "precision": "precision", "recall": "recall"}


def loss_label(loss: str) -> str:
    """A loss's name for people."""
    return {"softloc": "SoftLoc"}.get(loss, loss.replace("_", " "))
