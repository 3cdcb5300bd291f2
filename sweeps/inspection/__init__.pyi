from .data_check import check_data as check_data
from .drawing import plot_study as plot_study
from .importance import parameter_importance as parameter_importance
from .pareto import study_front_text as study_front_text
from .status import status_text as status_text, watch_status as watch_status
