"""The analysis commands, the files they write, and the HTML report with all answers about a study."""

from analysis.report.commands import (
    write_compare,
    write_importance,
    write_recommend,
    write_report,
    write_surface,
)
from analysis.report.outputs import Output, ReportOptions

__all__ = [
    "Output",
    "ReportOptions",
    "write_compare",
    "write_importance",
    "write_recommend",
    "write_report",
    "write_surface",
]
