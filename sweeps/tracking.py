"""MLflow as a view of the Parquet: a parent run for the study, a child run for each trial."""

from __future__ import annotations

import contextlib
import logging
import math
import os
import queue
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from sweeps.records import TrialRecord
from sweeps.schema import TABLES
from sweeps.store import TrialStore

__all__ = ["MlflowWriter", "Tracker", "TrackerThread", "tracking_uri"]

logger = logging.getLogger(__name__)
Row = Mapping[str, Any]

_METRICS = ("f1", "precision", "recall", "n_reference", "n_estimated", "n_matched", "timing_mean_s",
            "timing_sd_s", "train_s")  # fmt: skip
_TAGS = ("study", "trial_id", "status", "host", "device", "package_version", "git_commit", "data_fingerprint")
_NOT_PARAMETERS = {*_METRICS, *_TAGS, "error", "f1_per_class", "started_at", "schema_version"}
_PARAMETERS = tuple(column.name for column in TABLES["trials"] if column.name not in _NOT_PARAMETERS)
_CURVE_POINTS = 25
# A server that is away must not hold a study up.
_ENVIRONMENT = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_LOGGING_LEVEL": "WARNING",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
}


def tracking_uri(folder: Path) -> str:
    """The database of a study whose folder is local."""
    return f"sqlite:///{folder.absolute()}/mlflow.db"


class MlflowWriter:
    """Writes trials to MLflow, each once: a child run is found again by its tag `trial_id`.

    Writing a trial twice changes nothing; a run that was left open is completed. So everything can be written
    again from Parquet at any time.
    """

    def __init__(self, *, uri: str, study: str, artifact_root: str | None) -> None:
        """Open the study's experiment and parent run, making them where they are not there yet.

        Args:
            uri: MLflow's tracking address.
            study: The study's name.
            artifact_root: Absolute address for artifacts, or None for the server's own.
        """
        for key, value in _ENVIRONMENT.items():
            os.environ.setdefault(key, value)
        import mlflow
        from mlflow import MlflowClient

        for name in ("mlflow", "alembic"):
            logging.getLogger(name).setLevel(logging.WARNING)
        mlflow.set_tracking_uri(uri)
        self._client = MlflowClient(uri)
        self._experiment_id = self._experiment(study, artifact_root)
        self._parent_id = self._parent(study)
        self._runs = self._children()

    def write(self, row: Row, history: Sequence[Row]) -> None:
        """Write one trial: parameters, metrics, curve, tags in one batch, then the end of its run."""
        from mlflow.entities import Metric, Param, RunTag

        started_ms = int(row["started_at"].timestamp() * 1000)
        ended_ms = started_ms + int(1000 * (row.get("train_s") or 0.0))
        run_id, status = self._runs.get(row["trial_id"], (None, None))
        wanted = "FINISHED" if row["status"] == "completed" else "FAILED"
        if status == wanted:
            return
        if run_id is None:
            run_id = self._create(row, started_ms)
        metrics = [Metric(key, value, ended_ms, step) for key, value, step in _metrics(row, history)]
        parameters = [Param(key, _text(row.get(key))) for key in _PARAMETERS]
        tags = [RunTag(key, _text(row.get(key))) for key in (*_TAGS, "error") if row.get(key) is not None]
        self._client.log_batch(run_id, metrics=metrics, params=parameters, tags=tags)
        self._client.set_terminated(run_id, status=wanted, end_time=ended_ms)
        self._runs[row["trial_id"]] = (run_id, wanted)

    def write_missing(self, store: TrialStore) -> int:
        """Write every stored trial that MLflow lacks or holds unfinished; the number written."""
        lacking = [trial for trial in store.load().values() if self._lacks(trial.trial_id, trial.status)]
        for trial in lacking:
            self.write(trial.row, store.rows("history", trial.trial_id))
        return len(lacking)

    def finish(self, *, text: str, files: Iterable[Path], definition: str, status: str) -> None:
        """Give the parent run the study's definition, figures and summary, and end it."""
        self._client.log_text(self._parent_id, definition, "study.yaml")
        if text:
            self._client.log_text(self._parent_id, text, "summary.txt")
        for path in files:
            self._client.log_artifact(self._parent_id, str(path), "figures")
        counts = [status_ for _, status_ in self._runs.values()]
        self._client.log_metric(self._parent_id, "trials_completed", counts.count("FINISHED"))
        self._client.log_metric(self._parent_id, "trials_failed", counts.count("FAILED"))
        self._client.set_terminated(self._parent_id, status=status)

    def _lacks(self, trial_id: str, status: str) -> bool:
        """Whether a stored trial is absent here, or stands otherwise."""
        wanted = "FINISHED" if status == "completed" else "FAILED"
        return self._runs.get(trial_id, (None, None))[1] != wanted

    def _experiment(self, study: str, artifact_root: str | None) -> str:
        """The study's experiment."""
        found = self._client.get_experiment_by_name(study)
        if found is not None:
            return str(found.experiment_id)
        return str(self._client.create_experiment(study, artifact_location=artifact_root))

    def _parent(self, study: str) -> str:
        """The study's own run, running again."""
        found = self._client.search_runs([self._experiment_id], "tags.kind = 'study'", max_results=1)
        if found:
            run_id = str(found[0].info.run_id)
            self._client.update_run(run_id, status="RUNNING")
            return run_id
        tags = {"kind": "study", "study": study}
        return str(self._client.create_run(self._experiment_id, tags=tags, run_name=study).info.run_id)

    def _children(self) -> dict[str, tuple[str, str]]:
        """Run and status of every trial that is there."""
        children: dict[str, tuple[str, str]] = {}
        token = None
        while True:
            page = self._client.search_runs(
                [self._experiment_id], "tags.kind = 'trial'", max_results=5000, page_token=token
            )
            children |= {run.data.tags["trial_id"]: (run.info.run_id, run.info.status) for run in page}
            token = page.token
            if not token:
                return children

    def _create(self, row: Row, started_ms: int) -> str:
        """An open run for a trial."""
        tags = {"kind": "trial", "trial_id": row["trial_id"], "mlflow.parentRunId": self._parent_id}
        name = f"{row['loss']} {row['trial_id'][:8]}"
        created = self._client.create_run(
            self._experiment_id, start_time=started_ms, tags=tags, run_name=name
        )
        self._runs[row["trial_id"]] = (str(created.info.run_id), "RUNNING")
        return str(created.info.run_id)


def _metrics(row: Row, history: Sequence[Row]) -> list[tuple[str, float, int]]:
    """Names, values and steps: final metrics, F1 of each class, a thinned training curve."""
    final = [(name, row.get(name), 0) for name in _METRICS]
    final += [(f"f1_{_key(name)}", value, 0) for name, value in (row.get("f1_per_class") or {}).items()]
    every = max(1, math.ceil(len(history) / _CURVE_POINTS))
    for point in list(history)[::-1][::every][::-1]:
        final.append(("loss", point["loss"], point["iteration"]))
        final += [
            (f"loss_{_key(name)}", value, point["iteration"]) for name, value in dict(point["terms"]).items()
        ]
    return [
        (key, float(value), step) for key, value, step in final if value is not None and math.isfinite(value)
    ]


def _key(name: str) -> str:
    """A name as MLflow takes it."""
    return "".join(letter if letter.isalnum() or letter in "_-." else "_" for letter in name)


def _text(value: Any) -> str:
    """A value as MLflow keeps it."""
    return "" if value is None else str(value)[:500]


class Tracker(Protocol):
    """Where finished trials are shown besides the store."""

    def record(self, record: TrialRecord) -> None:
        """Show a trial, soon; returns at once and never raises."""
        ...

    def finish(self, *, text: str, files: Iterable[Path], definition: str, status: str) -> None:
        """Show everything that is still to be shown, and the study's end."""
        ...


class TrackerThread:
    """Feeds MLflow from a thread of its own, so that no trial waits for it and no error of it ends a study.

    Attributes:
        problem: What went wrong last, or None.
    """

    def __init__(
        self, open_writer: Callable[[], MlflowWriter], store: TrialStore, *, warn: Callable[[str], None]
    ) -> None:
        self.problem: str | None = None
        self._open_writer = open_writer
        self._store = store
        self._warn = warn
        self._said = False
        self._writer: MlflowWriter | None = None
        self._queue: queue.SimpleQueue[TrialRecord | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._serve, name="mlflow", daemon=True)
        self._thread.start()

    def record(self, record: TrialRecord) -> None:
        """Show a trial, soon."""
        self._queue.put(record)

    def finish(self, *, text: str, files: Iterable[Path], definition: str, status: str) -> None:
        """Write what is still missing from Parquet, then the study's end."""
        self._queue.put(None)
        self._thread.join()
        if self.problem is not None:
            self._open()
        if self._writer is not None:
            with self._guard():
                self._writer.write_missing(self._store)
                self._writer.finish(text=text, files=list(files), definition=definition, status=status)

    def abandon(self) -> None:
        """End without the study's end, when the study was interrupted; what was queued is still written."""
        self._queue.put(None)
        self._thread.join(timeout=10)

    def _serve(self) -> None:
        """Open, complete what an earlier driver left, then write what comes."""
        self._open()
        while (record := self._queue.get()) is not None:
            # After a problem the rest is written from Parquet at the end, in one go.
            if self._writer is not None and self.problem is None:
                with self._guard():
                    self._writer.write(record.row, record.history)

    def _open(self) -> None:
        """Connect."""
        self.problem = None
        with self._guard():
            self._writer = self._open_writer()
            self._writer.write_missing(self._store)

    @contextlib.contextmanager
    def _guard(self) -> Any:
        """Keep a problem and say it once; Parquet has everything."""
        try:
            yield
        except Exception as error:
            lines = str(error).strip().splitlines()
            self.problem = f"{type(error).__name__}: {lines[0] if lines else ''}"
            logger.warning("MLflow: %s", self.problem, exc_info=True)
            if not self._said:
                self._said = True
                self._warn(
                    f"MLflow cannot be written ({self.problem[:200]}); the study goes on, its "
                    "Parquet is whole, and "
                    "`softloc mlflow rebuild` writes MLflow again"
                )
