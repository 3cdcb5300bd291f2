from .address import validate_tracking_uri as validate_tracking_uri
from .dashboard import rebuild_mlflow as rebuild_mlflow, serve_dashboard as serve_dashboard
from .thread import (
    MlflowThread as MlflowThread,
    TrialObserver as TrialObserver,
    open_mlflow_thread as open_mlflow_thread,
)
