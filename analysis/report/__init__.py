"""Every answer about a study on one HTML page, and the files that the commands write."""

from analysis.report.commands import (
    Output,
    write_compare,
    write_importance,
    write_recommend,
    write_report,
    write_surface,
)

__all__ = ["Output", "write_compare", "write_importance", "write_recommend", "write_report", "write_surface"]
