"""Detection of initial foot contacts on Mobilise-D recordings and rendered walking."""

from softloc_core.tasks.gait.matlab import WalkingTrial, read_trials
from softloc_core.tasks.gait.task import GaitTask

__all__ = ["GaitTask", "WalkingTrial", "read_trials"]
