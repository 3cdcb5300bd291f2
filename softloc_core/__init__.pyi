from .trial import TrialConfig as TrialConfig, TrialResult as TrialResult, run_trial as run_trial

__version__: str
