from .adaptive import AdaptiveDesign as AdaptiveDesign
from .contract import Design as Design
from .fixed import GridDesign as GridDesign
from .registry import (
    DESIGN_OPTIONS as DESIGN_OPTIONS,
    DESIGN_TYPES as DESIGN_TYPES,
    LEARNING as LEARNING,
    MULTI_OBJECTIVE as MULTI_OBJECTIVE,
    ONE_OBJECTIVE as ONE_OBJECTIVE,
    SPREAD_DESIGNS as SPREAD_DESIGNS,
    make_design as make_design,
)
from .space import (
    KINDS as KINDS,
    Condition as Condition,
    Parameter as Parameter,
    Point as Point,
    Space as Space,
    Value as Value,
    active_part as active_part,
    in_order as in_order,
)
