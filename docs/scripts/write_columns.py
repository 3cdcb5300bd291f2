"""Write docs/columns.md, the reference of every stored column, from the schema.

python docs/scripts/write_columns.py
"""

from __future__ import annotations

from pathlib import Path

from sweeps.storage import TABLES, columns_markdown

TARGET = Path(__file__).parents[1] / "columns.md"
INTRODUCTION = """\
# Stored columns

A study's folder contains seven tables, each a folder of Parquet parts. This page is written from
`sweeps/storage/schema.py` by `python docs/scripts/write_columns.py`. The metadata of every Parquet
file holds the same units and meanings.
"""
PURPOSE = {
    "trials": "One row per trial.",
    "events": "One row per estimated event of the test recordings.",
    "history": "The training curves: one row per trial and point.",
    "scores": "The counts behind the score: one row per trial, test recording and class.",
    "probabilities": "Event probabilities: one row per trial, validation or test recording, and class.",
    "validation": "One row per event of the validation recordings.",
    "references": "One row per reference event of the test recordings.",
}


def page() -> str:
    """Return the text of the page."""
    sections = [f"## {table}\n\n{PURPOSE[table]}\n\n{columns_markdown(table)}\n" for table in TABLES]
    return "\n".join([INTRODUCTION, *sections])


if __name__ == "__main__":
    TARGET.write_text(page())
