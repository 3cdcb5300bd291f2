"""Simulated tasks for tests and benchmarks of the orchestration."""

from sweeps.testing.simulation import SimulatedTrial, register_simulated_task

__all__ = ["SimulatedTrial", "register_simulated_task"]
