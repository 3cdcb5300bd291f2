from .progress import Counts as Counts, ProgressLine as ProgressLine, duration_text as duration_text
from .ray.environment import available_cpus as available_cpus, set_ray_environment as set_ray_environment
from .runner import RunOptions as RunOptions, run_study as run_study, study_folder as study_folder
from .status_file import STATUS_FILE as STATUS_FILE
from .submit import JobRequest as JobRequest, submit_study as submit_study
