from .budget import UNLIMITED as UNLIMITED, Budget as Budget, BudgetedSource as BudgetedSource
from .data import (
    DataRoots as DataRoots,
    feature_cache_dir as feature_cache_dir,
    load_data as load_data,
    parse_data_roots as parse_data_roots,
    require_scored_recordings as require_scored_recordings,
)
from .identity import (
    as_begun as as_begun,
    resolved_study as resolved_study,
    validate_same_study as validate_same_study,
)
from .planner import (
    PlannedTrial as PlannedTrial,
    Planner as Planner,
    checked_planner as checked_planner,
    make_planner as make_planner,
)
from .source import (
    POINTS_FILE as POINTS_FILE,
    TrialSource as TrialSource,
    is_final as is_final,
    known_trials as known_trials,
    trial_source as trial_source,
)
from .stored_code import accepted_trials as accepted_trials
