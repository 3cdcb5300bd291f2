"""Writing a study to MLflow: a parent run for the study, and a child run for each trial."""

from __future__ import annotations

import json
import logging
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from pathlib import Path, PurePosixPath

from sweeps.mlflow_view.address import set_mlflow_environment, without_credentials
from sweeps.mlflow_view.content import BEST_FIRST_TAG, PARAMETERS, TAGS, metrics_of, recording_scores, text_of
from sweeps.mlflow_view.picture import StudyPicture
from sweeps.storage import (
    STUDY_FILE,
    Row,
    StoredDefinition,
    TrialStore,
    environment_at,
    kept_weights,
    read_definition,
    read_environments,
)

__all__ = ["MlflowWriter", "artifact_folders", "tracking_uri"]

# Version of what a run contains, stored in its tag `view`. Runs of an older version are written again.
_VIEW = "2"
_NOTE = "mlflow.note.content"


def tracking_uri(folder: Path) -> str:
    """Return the address of the MLflow database in a local study folder."""
    return f"sqlite:///{folder.absolute()}/mlflow.db"


@dataclass(frozen=True)
class _Run:
    """The run of a trial: its MLflow id, its MLflow status, and the version of its content."""

    run_id: str
    status: str
    view: str


class MlflowWriter:
    """Writes trials to MLflow, each to one child run, which its tag `trial_id` identifies.

    Writing a trial twice changes nothing, and an unfinished run is completed. Everything can therefore be
    written again from Parquet at any time. Times are the times of the trials, not of the writing.
    """

    def __init__(self, store: TrialStore, *, uri: str, study: str, artifact_root: str | None) -> None:
        """Open the study's experiment and parent run, or create them.

        Args:
            store: The study's trials.
            uri: MLflow's tracking URI. A user name and password in it are moved to the environment.
            study: The study's name.
            artifact_root: Absolute address for artifacts, or None for the server's default.
        """
        uri = without_credentials(uri)
        set_mlflow_environment(os.environ)
        import mlflow
        from mlflow import MlflowClient

        for name in ("mlflow", "alembic"):
            logging.getLogger(name).setLevel(logging.WARNING)
        # This logger prints a traceback for errors that are also raised, and the callers handle those.
        logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)
        mlflow.set_tracking_uri(uri)
        self._store = store
        self._client = MlflowClient(uri)
        self._references: dict[str, list[Row]] = {}
        self._experiment_id = self._experiment(study, artifact_root)
        self._parent_id = self._parent(study)
        self._runs = self._children()

    def write(self, row: Row, tables: Mapping[str, Sequence[Row]]) -> None:
        """Write the run of one trial: files, parameters, metrics, training curve, tags and status.

        Args:
            row: The trial's row of `trials`.
            tables: Its rows of `events`, `history` and `scores`, by table.
        """
        from mlflow.entities import Metric, Param, RunTag

        if not self._lacks(row["trial_id"], row["status"]):
            return
        known = self._runs.get(row["trial_id"])
        run_id = known.run_id if known else self._create(row)
        if row["status"] != "failed" and known and known.status == "FAILED":
            self._client.delete_tag(run_id, "error")
        self._put_files(run_id, self._files(row, tables))
        ended_ms = _ended_ms(row)
        tags = {**{key: row.get(key) for key in (*TAGS, "error")}, "view": _VIEW}
        self._client.log_batch(
            run_id,
            metrics=[
                Metric(key, value, ended_ms, step)
                for key, value, step in metrics_of(row, tables.get("history", ()))
            ],
            params=[Param(key, text_of(row.get(key))) for key in PARAMETERS],
            tags=[RunTag(key, text_of(value)) for key, value in tags.items() if value is not None],
        )
        self._client.set_terminated(run_id, status=_ending(row["status"]), end_time=ended_ms)
        self._runs[row["trial_id"]] = _Run(run_id, _ending(row["status"]), _VIEW)

    def write_missing(self) -> int:
        """Write every stored trial whose run is missing or incomplete, and return how many."""
        lacking = [one for one in self._store.load().values() if self._lacks(one.trial_id, one.status)]
        for trial in lacking:
            tables = ("events", "history", "scores")
            self.write(trial.row, {table: self._store.rows(table, trial.trial_id) for table in tables})
        return len(lacking)

    def show(self, picture: StudyPicture) -> None:
        """Update the heat map, the summary and the note of the parent run."""
        self._put_files(self._parent_id, picture.files)
        self._client.set_tag(self._parent_id, _NOTE, picture.note)

    def finish(self, *, picture: StudyPicture | None, files: Iterable[Path], status: str) -> None:
        """Complete the parent run and end it.

        Args:
            picture: The study's picture, or None to leave the last one.
            files: Figures to log as artifacts.
            status: MLflow's status of the parent run.
        """
        environments = read_environments(self._store.folder)
        content = {"environments.json": json.dumps(environments, indent=1).encode()} if environments else {}
        self._put_files(self._parent_id, {**content, **self._definition_file()})
        if picture is not None:
            self.show(picture)
        for path, folder in artifact_folders(files):
            self._client.log_artifact(self._parent_id, str(path), folder)
        stored = self._store.load().values()
        ended_ms = max((_ended_ms(trial.row) for trial in stored), default=0)
        for name in ("completed", "stopped", "failed"):
            count = sum(trial.status == name for trial in stored)
            self._client.log_metric(self._parent_id, f"trials_{name}", count, timestamp=ended_ms)
        self._client.set_terminated(self._parent_id, status=status, end_time=ended_ms)

    def _files(self, row: Row, tables: Mapping[str, Sequence[Row]]) -> dict[str, bytes]:
        """Return a trial's files: study, environment, scores of each recording, and weights if kept."""
        files = self._definition_file()
        environment = environment_at(read_environments(self._store.folder), row["started_at"])
        if environment is not None:
            files["environment.json"] = json.dumps(environment, indent=1).encode()
        references = self._references_of(row["data_fingerprint"])
        if row["status"] != "failed" and references:
            files["recordings.csv"] = recording_scores(row, references, tables).encode()
        if self._definition is not None and self._definition.keeps_weights:
            files |= kept_weights(self._store.folder, row)
        return files

    @cached_property
    def _definition(self) -> StoredDefinition | None:
        """The study's stored definition, which does not change while its driver runs."""
        return read_definition(self._store.folder)

    def _definition_file(self) -> dict[str, bytes]:
        """Return the study file by name, or an empty mapping if there is none."""
        return {} if self._definition is None else {STUDY_FILE: self._definition.content}

    def _references_of(self, fingerprint: str) -> list[Row]:
        """Return the reference events of a trial's data, which are read once."""
        if fingerprint not in self._references:
            self._references[fingerprint] = self._store.rows_of_data("references", fingerprint)
        return self._references[fingerprint]

    def _put_files(self, run_id: str, files: Mapping[str, bytes]) -> None:
        """Log files as artifacts of a run, with one request."""
        if not files:
            return
        with tempfile.TemporaryDirectory(prefix="softloc-mlflow-") as folder:
            for name, content in files.items():
                (Path(folder) / name).write_bytes(content)
            self._client.log_artifacts(run_id, folder)

    def _lacks(self, trial_id: str, status: str) -> bool:
        """Return whether a trial's run is missing, has another status, or is of an older version."""
        run = self._runs.get(trial_id)
        return run is None or run.status != _ending(status) or run.view != _VIEW

    def _experiment(self, study: str, artifact_root: str | None) -> str:
        """Return the id of the study's experiment, which is created if necessary."""
        found = self._client.get_experiment_by_name(study)
        key, view = BEST_FIRST_TAG
        if found is None:
            tags = {key: view}
            return str(self._client.create_experiment(study, artifact_location=artifact_root, tags=tags))
        if found.tags.get(key) != view:
            self._client.set_experiment_tag(found.experiment_id, key, view)
        return str(found.experiment_id)

    def _parent(self, study: str) -> str:
        """Return the id of the parent run, with status RUNNING."""
        found = self._client.search_runs([self._experiment_id], "tags.kind = 'study'", max_results=1)
        if found:
            run_id = str(found[0].info.run_id)
            self._client.update_run(run_id, status="RUNNING")
            return run_id
        tags = {"kind": "study", "study": study}
        return str(self._client.create_run(self._experiment_id, tags=tags, run_name=study).info.run_id)

    def _children(self) -> dict[str, _Run]:
        """Return the existing child runs by trial."""
        children: dict[str, _Run] = {}
        token = None
        while True:
            page = self._client.search_runs(
                [self._experiment_id], "tags.kind = 'trial'", max_results=5000, page_token=token
            )
            for run in page:
                tags = run.data.tags
                children[tags["trial_id"]] = _Run(run.info.run_id, run.info.status, tags.get("view", ""))
            token = page.token
            if not token:
                return children

    def _create(self, row: Row) -> str:
        """Create a running run for a trial and return its id."""
        tags = {"kind": "trial", "trial_id": row["trial_id"], "mlflow.parentRunId": self._parent_id}
        name = f"{row['loss']} {row['trial_id'][:8]}"
        created = self._client.create_run(
            self._experiment_id, start_time=_started_ms(row), tags=tags, run_name=name
        )
        run_id = str(created.info.run_id)
        self._runs[row["trial_id"]] = _Run(run_id, "RUNNING", "")
        return run_id


def _ending(status: str) -> str:
    """Return MLflow's status for a trial's status. A trial that was stopped early is `KILLED` in MLflow."""
    return {"completed": "FINISHED", "stopped": "KILLED"}.get(status, "FAILED")


def _started_ms(row: Row) -> int:
    """Return when a trial started, in milliseconds since 1970."""
    return int(row["started_at"].timestamp() * 1000)


def _ended_ms(row: Row) -> int:
    """Return when the training of a trial ended, in milliseconds since 1970."""
    took = timedelta(seconds=row.get("train_s") or 0.0)
    return int((row["started_at"] + took).timestamp() * 1000)


def artifact_folders(files: Iterable[Path]) -> Iterator[tuple[Path, str]]:
    """Yield each figure with its artifact folder: `figures`, plus its path below the common folder."""
    paths = list(files)
    root = os.path.commonpath([path.parent for path in paths]) if paths else ""
    for path in paths:
        yield path, str(PurePosixPath("figures") / path.parent.relative_to(root))
