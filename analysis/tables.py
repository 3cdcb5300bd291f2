"""Readable tables from a data frame: aligned text, CSV and LaTeX."""

from __future__ import annotations

import math
import textwrap
from pathlib import Path

import pandas as pd

__all__ = ["latex_table", "number", "text_table", "with_interval", "wrapped", "write_csv", "write_tables"]

_LATEX_ESCAPES = {"_": r"\_", "%": r"\%", "&": r"\&", "#": r"\#"}


def number(value: object, *, digits: int = 3) -> str:
    """Return a number with `digits` decimals, a dash for a missing one, and text unchanged."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "-"
    if isinstance(value, float):
        return f"{value:.{digits}f}" if math.isfinite(value) else ("inf" if value > 0 else "-inf")
    return str(value)


def with_interval(value: float, low: float, high: float, *, digits: int = 3, beyond: str = "inf") -> str:
    """Return `value [low, high]`, with `beyond` for infinite values, which are outside the studied range."""

    def shown(one: float) -> str:
        return beyond if math.isinf(one) else number(one, digits=digits)

    return f"{shown(value)} [{shown(low)}, {shown(high)}]"


def wrapped(sentence: str) -> str:
    """Return a sentence broken into lines of at most 80 columns."""
    return textwrap.fill(sentence, width=80)


def text_table(table: pd.DataFrame) -> str:
    """Return a table with aligned columns: text to the left, numbers to the right with three decimals."""
    cells = [[str(name) for name in table.columns]]
    cells += [[number(value) for value in row] for row in table.itertuples(index=False)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(table.columns))]
    rights = [pd.api.types.is_numeric_dtype(table[name]) for name in table.columns]
    lines = []
    for row in cells:
        parts = [
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(row, widths, rights, strict=True)
        ]
        lines.append("  ".join(parts).rstrip())
    return "\n".join(lines)


def latex_table(table: pd.DataFrame) -> str:
    r"""Return a `tabular` with booktabs rules, ready for `\input`."""
    rights = [pd.api.types.is_numeric_dtype(table[name]) for name in table.columns]
    head = " & ".join(_escaped(str(name)) for name in table.columns)
    rows = [" & ".join(_escaped(number(value)) for value in row) for row in table.itertuples(index=False)]
    body = "\n".join(rf"{row} \\" for row in rows)
    columns = "".join("r" if right else "l" for right in rights)
    lines = [rf"\begin{{tabular}}{{{columns}}}", r"\toprule", rf"{head} \\", r"\midrule"]
    return "\n".join([*lines, body, r"\bottomrule", r"\end{tabular}", ""])


def write_tables(table: pd.DataFrame, path: Path) -> tuple[Path, ...]:
    """Write the table to `path` with the suffixes .csv and .tex, and return both paths."""
    written = [write_csv(table, path), path.with_name(f"{path.name}.tex")]
    written[1].write_text(latex_table(table), encoding="utf-8")
    return tuple(written)


def write_csv(table: pd.DataFrame, path: Path) -> Path:
    """Write the table to `path` with the suffix .csv, six digits per number, and return the path."""
    target = path.with_name(f"{path.name}.csv")
    target.parent.mkdir(parents=True, exist_ok=True)
    text = table.to_csv(index=False, float_format="%.6g", lineterminator="\n")
    target.write_text(text, encoding="utf-8")
    return target


def _escaped(text: str) -> str:
    return "".join(_LATEX_ESCAPES.get(letter, letter) for letter in text)
