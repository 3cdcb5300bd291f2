"""Turn a trained network's output into events: detection, ensembles of versions, offset calibration."""
