"""From a trained network's output to events: detection, ensembles of versions, offset calibration."""

from softloc_core.inference.calibration import require_validation
from softloc_core.inference.detector import Detector, estimated_events
from softloc_core.inference.ensemble import ensemble_for
from softloc_core.inference.voting import played_at

__all__ = ["Detector", "ensemble_for", "estimated_events", "played_at", "require_validation"]
