"""Surfaces and studies whose truth is known, for tests and benchmarks."""

from analysis.testing.known_surfaces import KNOWN_SURFACES, SPACE_MS, simulated_f1, uniform_design
from analysis.testing.simulated_studies import SimulatedDesign, simulated_study

__all__ = [
    "KNOWN_SURFACES",
    "SPACE_MS",
    "SimulatedDesign",
    "simulated_f1",
    "simulated_study",
    "uniform_design",
]
