from .budget import UNLIMITED as UNLIMITED, Budget as Budget, BudgetedSource as BudgetedSource
from .data import load_data as load_data, require_scored_recordings as require_scored_recordings
from .data_roots import DataRoots as DataRoots, parse_data_roots as parse_data_roots
from .identity import resolved_study as resolved_study, validate_same_study as validate_same_study
from .planner import PlannedTrial as PlannedTrial, Planner as Planner
from .several_tasks import make_planner as make_planner
from .source import (
    POINTS_FILE as POINTS_FILE,
    TrialSource as TrialSource,
    stands as stands,
    trial_source as trial_source,
)
