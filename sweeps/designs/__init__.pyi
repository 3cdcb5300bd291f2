from .adaptive import AdaptiveDesign as AdaptiveDesign
from .fixed import (
    DESIGN_OPTIONS as DESIGN_OPTIONS,
    DESIGN_TYPES as DESIGN_TYPES,
    LEARNING as LEARNING,
    MULTI_OBJECTIVE as MULTI_OBJECTIVE,
    ONE_OBJECTIVE as ONE_OBJECTIVE,
    Design as Design,
    GridDesign as GridDesign,
    make_design as make_design,
)
from .space import (
    KINDS as KINDS,
    Condition as Condition,
    Parameter as Parameter,
    Value as Value,
    active_part as active_part,
    in_order as in_order,
)
