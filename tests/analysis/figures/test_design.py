from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis.figures.design import plot_design, text_design
from analysis.figures.style import save_figure


def points(n: int = 30) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    loss = rng.choice(["softloc", "count"], n)
    return pd.DataFrame(
        {
            "label noise (ms)": rng.uniform(1, 99, n),
            "softness (ms)": np.where(loss == "softloc", rng.uniform(0, 150, n), np.nan),
            "learning rate": np.exp(rng.uniform(-9, -3, n)),
            "loss": loss,
        }
    )


@pytest.mark.parametrize(
    ("columns", "n_axes"),
    [
        (["label noise (ms)", "softness (ms)", "learning rate", "loss"], 4),
        (["label noise (ms)", "softness (ms)"], 1),
        (["label noise (ms)", "loss"], 1),
        (["loss"], 1),
    ],
)
def test_every_plane_shows_every_point(columns: list[str], n_axes: int, tmp_path: Path) -> None:
    table = points()[columns]
    there = np.arange(len(table)) < 10
    figure = plot_design(table, there, title="a study")
    assert len(figure.axes) == n_axes
    for axes in (one for one in figure.axes if one.axison):
        rings, dots = axes.collections[-2:]
        assert (len(rings.get_offsets()), len(dots.get_offsets())) == (30, 10)
        assert np.isfinite(np.asarray(rings.get_offsets())).all()
    png, _ = save_figure(figure, tmp_path / "plan")
    again, _ = save_figure(plot_design(table, there, title="a study"), tmp_path / "again")
    assert png.read_bytes() == again.read_bytes()


def test_the_axes_span_the_given_ranges() -> None:
    table = points()[["label noise (ms)", "learning rate"]]
    figure = plot_design(table, np.zeros(30, bool), title="", ranges={"label noise (ms)": (0.0, 100.0)})
    [axes] = figure.axes
    assert [text.get_text() for text in axes.get_xticklabels()] == ["0", "20", "40", "60", "80", "100"]
    x = np.asarray(axes.collections[0].get_offsets())[:, 0]
    assert x == pytest.approx(table["label noise (ms)"] / 100)


def test_missing_and_infinite_values_are_next_to_the_axis() -> None:
    table = pd.DataFrame({"a": [0.0, 1.0, np.nan, np.inf], "b": [0.0, 1.0, 0.5, 0.5]})
    [axes] = plot_design(table, np.zeros(4, bool), title="").axes
    x = np.asarray(axes.collections[-2].get_offsets())[:, 0]
    assert x[:2].tolist() == [0.0, 1.0]
    assert x[2] < 0
    assert x[3] > 1
    text = text_design(table, np.zeros(4, bool))
    assert "a  0 to 1; infinite at 1 points; none at 1 points" in text


def test_the_text_shows_one_several_and_finished_points() -> None:
    table = pd.DataFrame({"a": [0.0, 1.0, 1.0, 0.5], "b": [0.0, 1.0, 1.0, 0.5], "loss": ["x", "x", "y", "y"]})
    lines = text_design(table, np.array([True, False, False, False])).splitlines()
    assert lines[2] == "loss  x 2, y 2"
    rows = [line.partition("|")[2] for line in lines[4:-1]]
    assert rows[0].endswith(":|")
    assert rows[-1].startswith("o")
    assert sum(row.count(".") for row in rows) == 1
    assert max(map(len, lines)) <= 80
