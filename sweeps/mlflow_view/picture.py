"""What a study looks like at a moment, for its run in MLflow: heat map, summary table, a note.

`python -m sweeps.mlflow_view.picture STUDY` prints it as JSON, so that a separate process can
draw a running study and take no time from its driver.
"""

from __future__ import annotations

import base64
import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd

from analysis.errors import AnalysisError
from analysis.reading import StoredStudy, load_results, tasks_of

__all__ = ["StudyView", "study_view", "summary_table"]

HEAT_MAP = "heat_map.png"
SUMMARY = "summary.csv"


@dataclass(frozen=True)
class StudyView:
    """A study's picture.

    Attributes:
        n_trials: Trials that had ended.
        files: Contents by name: the heat map where there is one, the summary as a table and as text.
        note: The same in Markdown, without the picture.
    """

    n_trials: int
    files: Mapping[str, bytes]
    note: str

    def to_json(self) -> str:
        """As text, for a pipe."""
        files = {name: base64.b64encode(content).decode() for name, content in self.files.items()}
        return json.dumps({"n_trials": self.n_trials, "files": files, "note": self.note})

    @classmethod
    def from_json(cls, text: str) -> StudyView:
        """Read back what `to_json` gave."""
        found = json.loads(text)
        files = {name: base64.b64decode(content) for name, content in found["files"].items()}
        return cls(int(found["n_trials"]), files, str(found["note"]))


def study_view(location: str | Path) -> StudyView:
    """Draw a study's Parquet; deterministic, so that drawing it again gives the same files.

    Raises:
        AnalysisError: A study that cannot be read. One that can be read but has no heat map (yet) has a view
            without one, and its note says why.
    """
    study = load_results(location)
    table = summary_table(study)
    files = {SUMMARY: table.to_csv(index=False, float_format="%.6g").encode()}
    remarks = []
    tasks = tasks_of(study)
    for task in tasks if len(tasks) > 1 else [None]:
        prefix = "" if task is None else f"{task}_"
        try:
            files |= _heat_map(study if task is None else study.where(task=task), prefix=prefix)
            remarks.append(f"Heat map: artifact `{prefix}{HEAT_MAP}`; in characters: `{prefix}summary.txt`.")
        except AnalysisError as error:
            remarks.append(f"No heat map{'' if task is None else f' of {task}'}: {error}.")
    counts = f"{len(study.completed)} trials completed, {len(study.failed)} failed."
    if len(study.stopped):
        counts = f"{counts[:-1]}, {len(study.stopped)} stopped early (left out of what follows)."
    note = "\n\n".join([counts, _markdown(table), *remarks])
    return StudyView(len(study.trials), files, note)


def summary_table(study: StoredStudy) -> pd.DataFrame:
    """One row a loss (of each task, where there are several): trials, F1, where it was best, time.

    Returns:
        Columns task, loss, completed, failed, stopped, f1_mean, f1_sd, f1_best, best_softness_ms,
        best_label_noise_ms, train_s_mean; empty where a loss has no completed trial.
    """
    rows = []
    keys = ["task", "loss"] if len(tasks_of(study)) > 1 else ["loss"]
    for names, group in sorted(study.trials.groupby(keys), key=lambda item: str(item[0])):
        done = group[group["status"] == "completed"]
        f1 = done["f1"].astype(float)
        row = dict(zip(keys, names, strict=True)) | {
            "completed": len(done),
            **{status: int((group["status"] == status).sum()) for status in ("failed", "stopped")},
        }
        row |= {"f1_mean": f1.mean(), "f1_sd": f1.std(), "f1_best": f1.max()}
        best = f1.sort_values(ascending=False, kind="stable").index[:1]
        for name in ("softness", "label_noise"):
            row[f"best_{name}_ms"] = 1000.0 * done[f"{name}_s"].loc[best].astype(float).mean()
        row["train_s_mean"] = pd.to_numeric(done["train_s"], errors="coerce").mean()
        rows.append(row)
    return pd.DataFrame(rows)


def _heat_map(study: StoredStudy, *, prefix: str) -> dict[str, bytes]:
    """The map as a picture and in characters, by names that begin with `prefix`."""
    from analysis.answers import map_study
    from analysis.figures import plot_map, save_figure, text_map

    drawn = map_study(study, estimator="auto")
    with TemporaryDirectory(prefix="softloc-view-") as folder:
        picture, _ = save_figure(plot_map(drawn), Path(folder) / "heat_map")
        text = text_map(drawn, colour=False).encode()
        return {f"{prefix}{HEAT_MAP}": picture.read_bytes(), f"{prefix}summary.txt": text}


def _markdown(table: pd.DataFrame) -> str:
    """A table as Markdown."""
    head = f"| {' | '.join(table.columns)} |\n|{'---|' * len(table.columns)}"
    return "\n".join([head, *(f"| {' | '.join(map(_cell, row))} |" for row in table.itertuples(index=False))])


def _cell(value: object) -> str:
    """A value in a table."""
    if isinstance(value, float):
        return "" if np.isnan(value) else f"{value:.4g}"
    return str(value)


def main() -> None:
    """Print the view of the study that the command line names; least urgent of all that runs here."""
    os.nice(10)
    [location] = sys.argv[1:]
    sys.stdout.buffer.write(study_view(location).to_json().encode())


if __name__ == "__main__":
    main()
