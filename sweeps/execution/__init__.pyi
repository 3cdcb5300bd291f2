from .pauses import BeginTrial as BeginTrial, RunningTrial as RunningTrial, RunTrial as RunTrial
from .progress import Counts as Counts, ProgressLine as ProgressLine, duration_text as duration_text
from .ray.environment import (
    available_cpus as available_cpus,
    available_gpus as available_gpus,
    set_ray_environment as set_ray_environment,
    trial_device as trial_device,
)
from .run import RunOptions as RunOptions, study_folder as study_folder
from .runner import run_study as run_study
from .status_file import STATUS_FILE as STATUS_FILE
from .submit import JobRequest as JobRequest, submit_study as submit_study
