"""What a study wants of its trials before their end, put together for its driver."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sweeps.execution.pauses import BeginTrial, Stages
from sweeps.planning import is_final
from sweeps.storage import Checkpoints, Origin, Row, StoredTrial, StudyFolder, source_provenance
from sweeps.study import Study

if TYPE_CHECKING:
    from ray.tune.schedulers import TrialScheduler

__all__ = ["Staging", "device_of", "staging_of"]


@dataclass(frozen=True)
class Staging:
    """What stages a study has; none of it where each trial is run in one go.

    Attributes:
        study: The study.
        stages: For the workers, or None.
        checkpoints: Where trials under way are saved, or None.
        reported: Rows of stored trials that reported to a scheduler, in the order in which they began.
    """

    study: Study
    stages: Stages | None = None
    checkpoints: Checkpoints | None = None
    reported: tuple[Row, ...] = ()

    def scheduler(self) -> TrialScheduler | None:
        """What stops trials early, or None; imports Ray."""
        if self.study.stop_early is None:
            return None
        from sweeps.execution.schedulers import make_scheduler

        return make_scheduler(self.study.stop_early, self.reported)


def device_of(study: Study) -> str:
    """Where a study's trials run, as torch names it."""
    return "cuda" if study.resources.gpus else "cpu"


def staging_of(
    study: Study, begin: BeginTrial, folder: StudyFolder, stored: Mapping[str, StoredTrial]
) -> Staging:
    """The stages of a study's trials.

    Checkpoints that a driver which died left of trials that had ended are deleted.

    Args:
        study: The study.
        begin: What begins a trial.
        folder: The study's folder.
        stored: The trials that are there.
    """
    checkpoints = Checkpoints(folder, Origin(*source_provenance(), device_of(study)))
    checkpoints.drop_of(identity for identity, trial in stored.items() if is_final(trial, study))
    if study.stop_early is None and study.checkpoint is None and not study.keep_weights:
        return Staging(study)
    stages = Stages(
        begin=begin,
        stopping=study.stop_early,
        objective=study.objectives[0],
        checkpoint=study.checkpoint,
        keep_weights=study.keep_weights,
    )
    rows = sorted((trial.row for trial in stored.values()), key=lambda row: str(row["started_at"]))
    reported = tuple(row for row in rows if row.get("reports"))
    return Staging(study, stages, checkpoints if study.checkpoint is not None else None, reported)
