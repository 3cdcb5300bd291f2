"""A stored study as tables: loading, scoring again, axes, categories, what is held or averaged."""

from analysis.reading.axes import (
    CATEGORIES,
    LABEL_NOISE,
    SOFTNESS,
    Axis,
    swept_axes,
    uses_softness,
    varied_columns,
    with_option_columns,
)
from analysis.reading.categories import hold_categories, tasks_of, validate_one_task
from analysis.reading.rescoring import (
    load_scored,
    match_counts,
    recording_counts,
    score_counts,
    tolerance_curve,
)
from analysis.reading.results import StoredStudy, load_results, require_columns, stopped_note
from analysis.reading.views import At, Layout, View

__all__ = [
    "CATEGORIES",
    "LABEL_NOISE",
    "SOFTNESS",
    "At",
    "Axis",
    "Layout",
    "StoredStudy",
    "View",
    "hold_categories",
    "load_results",
    "load_scored",
    "match_counts",
    "recording_counts",
    "require_columns",
    "score_counts",
    "stopped_note",
    "swept_axes",
    "tasks_of",
    "tolerance_curve",
    "uses_softness",
    "validate_one_task",
    "varied_columns",
    "with_option_columns",
]
