from .checkpoint_rule import CheckpointRule as CheckpointRule
from .conditions import known_conditions as known_conditions
from .definition import Resources as Resources, Study as Study
from .early_stopping import EarlyStopping as EarlyStopping
from .fields import FIELDS as FIELDS, Field as Field
from .located_yaml import Located as Located
from .objectives import (
    Objective as Objective,
    mean_value as mean_value,
    objective as objective,
    parse_objectives as parse_objectives,
    value_of as value_of,
)
from .parameters import validate_range as validate_range
from .reading import (
    load_study as load_study,
    shipped_studies as shipped_studies,
    study_from_yaml as study_from_yaml,
)
from .units import (
    Duration as Duration,
    TimeBase as TimeBase,
    in_seconds as in_seconds,
    parse_duration as parse_duration,
)
