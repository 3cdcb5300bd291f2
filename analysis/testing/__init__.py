"""Surfaces whose truth is known, for tests and benchmarks of the estimators."""

from analysis.testing.known_surfaces import KNOWN_SURFACES, SPACE_MS, simulated_f1, uniform_design

__all__ = ["KNOWN_SURFACES", "SPACE_MS", "simulated_f1", "uniform_design"]
