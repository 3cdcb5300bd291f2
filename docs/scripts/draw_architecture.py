"""Draw the three pictures of docs/architecture.md from the code's own imports.

    python docs/scripts/draw_architecture.py

writes docs/figures/architecture_{packages,rooms,road}.png. An arrow means "imports". In the picture of the
rooms an arrow is left out where a longer way leads to the same room.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

ROOT = Path(__file__).parents[2]
TARGET = ROOT / "docs" / "figures"
PACKAGES = ("softloc", "sweeps", "analysis", "softloc_core")
PURPOSE = {
    "softloc": "the door for users:\nload, run, losses",
    "sweeps": "a study file becomes\nstored trials: designs,\nRay Tune, Parquet, MLflow,\nthe command line",
    "analysis": "stored trials become\nsurfaces, comparisons,\nrecommendations",
    "softloc_core": "one training run:\ntasks, losses, networks,\ndecoding, metrics",
}
INK, PAPER, LINE = "#1f3a52", "#eef3f7", "#7b93a8"
Arrows = Mapping[str, set[str]]


@dataclass(frozen=True)
class Box:
    """A labelled box, its centre and size in the units of the axes."""

    x: float
    y: float
    width: float
    height: float


def imported(path: Path) -> Iterable[str]:
    """Dotted names of the modules that a file imports."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names if "." not in node.module)


def files_of(package: str) -> list[Path]:
    """The modules of a package."""
    return sorted((ROOT / package).rglob("*.py"))


def package_arrows() -> Arrows:
    """Which package imports which."""
    return {
        package: {name.split(".")[0] for path in files_of(package) for name in imported(path)} & set(PACKAGES)
        - {package}
        for package in PACKAGES
    }  # fmt: skip


def room_arrows(package: str) -> Arrows:
    """Which room of a package imports which."""
    rooms = {path.relative_to(ROOT / package).parts[0].removesuffix(".py") for path in files_of(package)}
    rooms -= {"__init__"}
    arrows: dict[str, set[str]] = {room: set() for room in rooms}
    for path in files_of(package):
        here = path.relative_to(ROOT / package).parts[0].removesuffix(".py")
        if here in rooms:
            names = (name.split(".") for name in imported(path))
            arrows[here] |= {
                parts[1] for parts in names if parts[0] == package and len(parts) > 1
            } & rooms - {here}
    return arrows


def floors(arrows: Arrows) -> dict[str, int]:
    """Floor of each room: 0 where it imports no other, else one above the highest that it imports."""
    found: dict[str, int] = {}
    while len(found) < len(arrows):
        ready = [room for room in arrows if room not in found and arrows[room] <= set(found)]
        assert ready, "rooms import each other in a circle"
        found |= {room: max((found[below] + 1 for below in arrows[room]), default=0) for room in ready}
    return found


def reduced(arrows: Arrows) -> Arrows:
    """The arrows without those that a longer way replaces."""

    def reach(room: str) -> set[str]:
        return arrows[room].union(*(reach(below) for below in arrows[room]))

    return {
        room: {below for below in there if not any(below in reach(other) for other in there - {below})}
        for room, there in arrows.items()
    }


def draw_box(axes: Axes, box: Box, title: str, text: str = "", *, fill: str = PAPER) -> None:
    """Draw a rounded box with a title and a smaller text below it."""
    corner = (box.x - box.width / 2, box.y - box.height / 2)
    axes.add_patch(
        FancyBboxPatch(corner, box.width, box.height, boxstyle="round,pad=0,rounding_size=0.08",
                       facecolor=fill, edgecolor=LINE, linewidth=1.0, zorder=5)
    )  # fmt: skip
    top = box.y + (box.height / 2 - 0.16 if text else 0)
    look = {"ha": "center", "color": INK, "zorder": 6}
    axes.text(box.x, top, title, va="top" if text else "center", fontsize=8, weight="bold", **look)
    if text:
        axes.text(
            box.x, top - 0.3, text, ha="center", va="top", fontsize=7.5, color=INK, linespacing=1.35, zorder=6
        )


def draw_arrow(axes: Axes, start: tuple[float, float], end: tuple[float, float]) -> None:
    """Draw a thin arrow."""
    style = {"arrowstyle": "-|>", "color": LINE, "linewidth": 1.0, "shrinkA": 1, "shrinkB": 2}
    axes.annotate("", xy=end, xytext=start, arrowprops=style)


def new_axes(width: float, height: float) -> tuple[Figure, Axes]:
    """A figure whose axes are measured in inches and show no ticks."""
    figure = Figure(figsize=(width, height))
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, width), ylim=(0, height))
    axes.axis("off")
    return figure, axes


def draw_packages() -> Figure:
    """The four packages and which imports which."""
    figure, axes = new_axes(7.2, 4.9)
    boxes = {
        "softloc": Box(3.6, 4.2, 1.9, 0.95),
        "sweeps": Box(3.6, 2.6, 2.1, 1.3),
        "analysis": Box(1.5, 0.85, 2.1, 1.1),
        "softloc_core": Box(5.7, 0.85, 2.1, 1.1),
    }
    for package, there in package_arrows().items():
        for other in there:
            start, end = boxes[package], boxes[other]
            side = 0 if abs(start.x - end.x) < 0.1 else (1 if end.x > start.x else -1)
            is_skipping = start.y - end.y > 2.5
            draw_arrow(
                axes,
                (start.x + side * start.width * (0.5 if is_skipping else 0.3),
                 start.y - (0 if is_skipping else start.height / 2)),
                (end.x + side * end.width * (0.25 if is_skipping else 0.0), end.y + end.height / 2),
            )  # fmt: skip
    for package, box in boxes.items():
        draw_box(axes, box, package, PURPOSE[package])
    return figure


def draw_rooms() -> Figure:
    """The rooms of the three inner packages, floor by floor."""
    figure, axes = new_axes(11.0, 8.0)
    for column, package in enumerate(("softloc_core", "sweeps", "analysis")):
        arrows = room_arrows(package)
        level = floors(arrows)
        left = 0.25 + column * 3.55
        axes.text(left + 1.7, 7.75, package, ha="center", fontsize=11, color=INK, weight="bold")
        boxes = {}
        height = 6.5 / max(level.values())
        for floor in set(level.values()):
            rooms = sorted(room for room in level if level[room] == floor)
            width = min(1.45, 3.3 / len(rooms) - 0.08)
            for place, room in enumerate(rooms):
                x = left + 1.7 + (place - (len(rooms) - 1) / 2) * (3.4 / len(rooms))
                boxes[room] = Box(x, 0.5 + floor * height, width, 0.4)
        for room, there in reduced(arrows).items():
            for below in there:
                start, end = boxes[room], boxes[below]
                draw_arrow(axes, (start.x, start.y - 0.2), (end.x, end.y + 0.2))
        for room, box in boxes.items():
            draw_box(axes, box, room)
    return figure


ROAD = (
    ("study.yaml", "what a person writes"),
    ("Study", "sweeps.study: keys, units,\nrules; errors with their line"),
    ("PlannedTrial", "sweeps.planning: a TrialConfig\nand its identity"),
    ("Job", "sweeps.execution: one trial\non its way to a worker"),
    ("TrialResult", "softloc_core.trial: train, decode,\nscore; the pure function"),
    ("TrialRecord", "sweeps.execution: back at the\ndriver, to the recorder"),
    ("trials/*.parquet", "sweeps.storage: written\natomically; the truth"),
)
VIEWS = (
    ("MLflow", "sweeps.mlflow_view:\na view, can be rebuilt"),
    ("surfaces, comparisons", "analysis: reads Parquet alone"),
)


def draw_road() -> Figure:
    """What a study becomes on its way to a stored row, and what reads the rows."""
    figure, axes = new_axes(9.6, 3.9)
    columns = (0, 1, 2, 3, 3, 2, 1)
    boxes = [
        Box(1.25 + 2.35 * column, 3.1 if place < 4 else 1.5, 2.05, 0.95)
        for place, column in enumerate(columns)
    ]
    for start, end in pairwise(boxes):
        if start.x == end.x:
            draw_arrow(axes, (start.x, start.y - start.height / 2), (end.x, end.y + end.height / 2))
        else:
            side = 1 if end.x > start.x else -1
            draw_arrow(
                axes, (start.x + side * start.width / 2, start.y), (end.x - side * end.width / 2, end.y)
            )
    for box, (title, text) in zip(boxes, ROAD, strict=True):
        draw_box(axes, box, title, text)
    last = boxes[-1]
    for place, (title, text) in enumerate(VIEWS):
        box = Box(1.25, 1.95 - 1.1 * place, 2.05, 0.85)
        draw_arrow(axes, (last.x - last.width / 2, last.y), (box.x + box.width / 2, box.y))
        draw_box(axes, box, title, text, fill="#f7f1e6")
    return figure


def main() -> None:
    """Write the three pictures."""
    for name, draw in (("packages", draw_packages), ("rooms", draw_rooms), ("road", draw_road)):
        draw().savefig(TARGET / f"architecture_{name}.png", dpi=150, metadata={"Software": None})


if __name__ == "__main__":
    main()
