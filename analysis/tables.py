"""Tables for people: aligned text, CSV and LaTeX from one data frame."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Callable, Mapping
from pathlib import Path

import pandas as pd

__all__ = ["latex_table", "number", "text_table", "with_interval", "wrapped", "write_tables"]

_LATEX_ESCAPES = {"_": r"\_", "%": r"\%", "&": r"\&", "#": r"\#"}


def number(value: object, *, digits: int = 3) -> str:
    """A number to `digits` decimals, a dash where there is none, text as it is."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "-"
    if isinstance(value, float):
        return f"{value:.{digits}f}" if math.isfinite(value) else ("inf" if value > 0 else "-inf")
    return str(value)


def with_interval(value: float, low: float, high: float, *, digits: int = 3, beyond: str = "inf") -> str:
    """`value [low, high]`; `beyond` stands for what lies past the studied range."""

    def shown(one: float) -> str:
        return beyond if math.isinf(one) else number(one, digits=digits)

    return f"{shown(value)} [{shown(low)}, {shown(high)}]"


def wrapped(sentence: str) -> str:
    """A sentence in lines of at most 80 columns."""
    return textwrap.fill(sentence, width=80)


def text_table(table: pd.DataFrame) -> str:
    """Columns aligned, numbers to three decimals; text to the left, numbers to the right."""
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
    """A `tabular` with booktabs rules, ready to be input."""
    rights = [pd.api.types.is_numeric_dtype(table[name]) for name in table.columns]
    head = " & ".join(_escaped(str(name)) for name in table.columns)
    rows = [" & ".join(_escaped(number(value)) for value in row) for row in table.itertuples(index=False)]
    body = "\n".join(rf"{row} \\" for row in rows)
    columns = "".join("r" if right else "l" for right in rights)
    lines = [rf"\begin{{tabular}}{{{columns}}}", r"\toprule", rf"{head} \\", r"\midrule"]
    return "\n".join([*lines, body, r"\bottomrule", r"\end{tabular}", ""])


def write_tables(table: pd.DataFrame, path: Path) -> tuple[Path, ...]:
    """Write `path` with the suffixes .csv and .tex, and return both."""
    path.parent.mkdir(parents=True, exist_ok=True)
    writers: Mapping[str, Callable[[pd.DataFrame], str]] = {
        ".csv": lambda frame: frame.to_csv(index=False, float_format="%.6g", lineterminator="\n"),
        ".tex": latex_table,
    }
    written = []
    for suffix, writer in writers.items():
        target = path.with_suffix(suffix)
        target.write_text(writer(table), encoding="utf-8")
        written.append(target)
    return tuple(written)


def _escaped(text: str) -> str:
    return "".join(_LATEX_ESCAPES.get(letter, letter) for letter in text)
