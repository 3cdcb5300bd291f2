"""One training run as a pure function: a `TrialConfig` in, a `TrialResult` out."""
