from .data_check import check_data as check_data
from .drawing import plot_study as plot_study
from .importance import parameter_importance as parameter_importance
from .pareto import study_front_text as study_front_text
from .rescoring import (
    Decoding as Decoding,
    Rescored as Rescored,
    parse_decoding as parse_decoding,
    rescore as rescore,
    rescored_text as rescored_text,
)
from .status import status_text as status_text, watch_status as watch_status
