"""The HTML of the report: one page for laptops and phones that needs no network."""

from __future__ import annotations

import html
from collections.abc import Sequence

import pandas as pd
import plotly.graph_objects as go
import plotly.offline

from analysis.tables import number

__all__ = ["figure_html", "page", "section", "table_html"]

_CONFIG = {"displaylogo": False, "responsive": True, "displayModeBar": False, "scrollZoom": False}

_STYLE = """
:root { color-scheme: light; }
* { box-sizing: border-box; }
body { margin: 0; font: 16px/1.55 system-ui, sans-serif; color: #222; background: #f6f6f3; }
main { max-width: 1080px; margin: 0 auto; padding: 20px 16px 60px; }
h1 { font-size: 1.7rem; margin: .4em 0 .1em; }
h2 { font-size: 1.2rem; margin: 0 0 .5em; }
h3 { font-size: 1rem; margin: 1em 0 .2em; }
section { background: white; border-radius: 10px; padding: 18px 20px; margin: 18px 0;
  box-shadow: 0 1px 3px rgba(0, 0, 0, .08); }
.lead { color: #555; margin: 0 0 1em; }
.answer { font-size: 1.05rem; white-space: pre-line; }
.maps { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 420px), 1fr)); gap: 14px; }
.map { min-width: 0; overflow: hidden; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .9rem; }
th, td { padding: 4px 12px 4px 0; text-align: left; white-space: nowrap; border-bottom: 1px solid #eee; }
th { color: #555; font-weight: 600; }
td.number, th.number { text-align: right; }
pre { overflow-x: auto; background: #f6f6f3; padding: 12px; border-radius: 6px; font-size: .85rem; }
.switch button { font: inherit; padding: 5px 14px; border: 1px solid #bbb; background: white; cursor:
pointer; } .switch button:first-child { border-radius: 6px 0 0 6px; } .switch button:last-child { border-
radius: 0 6px 6px 0; } .switch button[aria-pressed=true] { background: #1f5a86; border-color: #1f5a86;
color: white; } .bar { display: inline-block; height: .8em; background: #1f5a86; border-radius: 2px;
vertical-align: baseline; } .failed { color: #a02c2c; } @media (max-width: 600px) { section { padding: 14px
12px; border-radius: 0; margin: 12px -16px; } }
"""

# Figures are drawn while the page is still loading, before the layout around them is final.
_SCRIPT = """
document.querySelectorAll('.plotly-graph-div').forEach(function (figure) { Plotly.Plots.resize(figure); });
document.querySelectorAll('.switch button').forEach(function (button, chosen) {
  button.addEventListener('click', function () {
    document.querySelectorAll('.switch button').forEach(function (other) {
      other.setAttribute('aria-pressed', other === button);
    });
    document.querySelectorAll('.map .plotly-graph-div').forEach(function (map) {
      var visible = map.data.map(function (_, trace) { return Math.floor(trace / 2) === chosen; });
      Plotly.restyle(map, {visible: visible});
    });
  });
});
"""


def page(title: str, lead: str, sections: Sequence[str]) -> str:
    """Return the whole page."""
    return "\n".join(
        [
            '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{html.escape(title)}</title>\n<style>{_STYLE}</style>",
            f"<script>{plotly.offline.get_plotlyjs()}</script>\n</head>\n<body>\n<main>",
            f'<h1>{html.escape(title)}</h1>\n<p class="lead">{html.escape(lead)}</p>',
            *sections,
            f"</main>\n<script>{_SCRIPT}</script>\n</body>\n</html>\n",
        ]
    )


def section(title: str, *parts: str) -> str:
    """Return a section with a title."""
    return "\n".join([f"<section>\n<h2>{html.escape(title)}</h2>", *parts, "</section>"])


def figure_html(figure: go.Figure, *, name: str) -> str:
    """Return a figure with a fixed id, so that the page is reproducible byte for byte."""
    return str(figure.to_html(full_html=False, include_plotlyjs=False, div_id=name, config=_CONFIG))


def table_html(table: pd.DataFrame) -> str:
    """Return a table that scrolls separately on a narrow screen."""
    rights = [pd.api.types.is_numeric_dtype(table[name]) for name in table.columns]
    kinds = [' class="number"' if right else "" for right in rights]
    head = "".join(
        f"<th{kind}>{html.escape(str(name))}</th>" for name, kind in zip(table.columns, kinds, strict=True)
    )
    rows = [
        "".join(
            f"<td{kind}>{html.escape(number(value))}</td>" for value, kind in zip(row, kinds, strict=True)
        )
        for row in table.itertuples(index=False)
    ]
    body = "\n".join(f"<tr>{row}</tr>" for row in rows)
    return f'<div class="scroll"><table>\n<tr>{head}</tr>\n{body}\n</table></div>'
