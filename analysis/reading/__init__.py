"""A stored study as tables: loading, rescoring, swept parameters as axes, categories, views."""

from analysis.reading.axes import (
    Axis,
    swept_axes,
    varied_columns,
    with_option_columns,
)
from analysis.reading.categories import hold_categories, tasks_of, validate_one_task
from analysis.reading.columns import LABEL_NOISE, SOFTNESS, StoredSchema
from analysis.reading.rescoring import (
    COUNTS,
    match_counts,
    recording_counts,
    score_counts,
    tolerance_curve,
)
from analysis.reading.results import StoredStudy, load_results, require_columns, stopped_note
from analysis.reading.scores import at_tolerance, stored_counts, validate_matched
from analysis.reading.views import At, Layout, View

__all__ = [
    "COUNTS",
    "LABEL_NOISE",
    "SOFTNESS",
    "At",
    "Axis",
    "Layout",
    "StoredSchema",
    "StoredStudy",
    "View",
    "at_tolerance",
    "hold_categories",
    "load_results",
    "match_counts",
    "recording_counts",
    "require_columns",
    "score_counts",
    "stopped_note",
    "stored_counts",
    "swept_axes",
    "tasks_of",
    "tolerance_curve",
    "validate_matched",
    "validate_one_task",
    "varied_columns",
    "with_option_columns",
]
