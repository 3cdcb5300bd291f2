"""Detection of initial foot contacts on Mobilise-D recordings and rendered walking."""

from softloc_core.tasks.gait.matlab import Trial, read_trials
from softloc_core.tasks.gait.task import GaitTask

__all__ = ["GaitTask", "Trial", "read_trials"]
