from .address import validate_tracking_uri as validate_tracking_uri
from .dashboard import rebuild_mlflow as rebuild_mlflow, serve_dashboard as serve_dashboard
from .thread import Tracker as Tracker, TrackerThread as TrackerThread, open_tracker as open_tracker
