"""The current picture of a study for its run in MLflow: a heat map, a summary table and a note.

`python -m sweeps.mlflow_view.picture STUDY` prints the picture as JSON. A separate process can therefore plot
a running study without delaying its driver.
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

__all__ = ["HEAT_MAP", "SUMMARY", "StudyPicture", "study_picture", "summary_table"]

HEAT_MAP = "heat_map.png"
SUMMARY = "summary.csv"


@dataclass(frozen=True)
class StudyPicture:
    """The picture of a study.

    Attributes:
        n_trials: Number of trials that had ended.
        files: File contents by name: the summary table, and the heat map as an image and as text if there is
            one.
        note: The summary in Markdown.
    """

    n_trials: int
    files: Mapping[str, bytes]
    note: str

    def to_json(self) -> str:
        """Return the picture as JSON, for a pipe."""
        files = {name: base64.b64encode(content).decode() for name, content in self.files.items()}
        return json.dumps({"n_trials": self.n_trials, "files": files, "note": self.note})

    @classmethod
    def from_json(cls, text: str) -> StudyPicture:
        """Return the picture that `to_json` has written."""
        found = json.loads(text)
        files = {name: base64.b64decode(content) for name, content in found["files"].items()}
        return cls(int(found["n_trials"]), files, str(found["note"]))


def study_picture(location: str | Path) -> StudyPicture:
    """Return the picture of a stored study.

    The picture is deterministic: the same results produce the same files. If the study has no heat map (yet),
    the note says why.

    Args:
        location: The study's folder or address.

    Raises:
        AnalysisError: The study cannot be read.
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
            remarks.append(f"Heat map: artifact `{prefix}{HEAT_MAP}`; as text: `{prefix}summary.txt`.")
        except AnalysisError as error:
            remarks.append(f"No heat map{'' if task is None else f' of {task}'}: {error}.")
    counts = f"{len(study.completed)} trials completed, {len(study.failed)} failed."
    if len(study.stopped):
        counts = f"{counts[:-1]}, {len(study.stopped)} stopped early (not in the tables below)."
    note = "\n\n".join([counts, _markdown(table), *remarks])
    return StudyPicture(len(study.trials), files, note)


def summary_table(study: StoredStudy) -> pd.DataFrame:
    """Return one row for each loss, or for each task and loss if there are several tasks.

    Returns:
        Columns task (only with several tasks), loss, completed, failed, stopped, f1_mean, f1_sd, f1_best,
        best_softness_ms, best_label_noise_ms and train_s_mean. The results are NaN for a loss without
        completed trials.
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
    """Return the heat map as an image and as text, by file name with a prefix."""
    from analysis.answers import map_study
    from analysis.figures import plot_map, save_figure, text_map

    surface_map = map_study(study, estimator="auto")
    with TemporaryDirectory(prefix="softloc-view-") as folder:
        image, _ = save_figure(plot_map(surface_map), Path(folder) / "heat_map")
        text = text_map(surface_map, colour=False).encode()
        return {f"{prefix}{HEAT_MAP}": image.read_bytes(), f"{prefix}summary.txt": text}


def _markdown(table: pd.DataFrame) -> str:
    """Return a table as Markdown."""
    head = f"| {' | '.join(table.columns)} |\n|{'---|' * len(table.columns)}"
    return "\n".join([head, *(f"| {' | '.join(map(_cell, row))} |" for row in table.itertuples(index=False))])


def _cell(value: object) -> str:
    """Return the text of a table cell."""
    if isinstance(value, float):
        return "" if np.isnan(value) else f"{value:.4g}"
    return str(value)


def main() -> None:
    """Print the picture of the study named on the command line, at a low scheduling priority."""
    os.nice(10)
    [location] = sys.argv[1:]
    sys.stdout.buffer.write(study_picture(location).to_json().encode())


if __name__ == "__main__":
    main()
